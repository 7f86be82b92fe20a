################################################################################
#
# python-qrcodegen
#
################################################################################

PYTHON_QRCODEGEN_VERSION = 1.8.0
PYTHON_QRCODEGEN_SOURCE = qrcodegen-$(PYTHON_QRCODEGEN_VERSION).zip
PYTHON_QRCODEGEN_SITE = $(PYTHON_QRCODEGEN_DL_DIR)
PYTHON_QRCODEGEN_SITE_METHOD = file
PYTHON_QRCODEGEN_SETUP_TYPE = setuptools
PYTHON_QRCODEGEN_LICENSE = MIT
PYTHON_QRCODEGEN_LICENSE_FILES = PKG-INFO
PYTHON_QRCODEGEN_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

define PYTHON_QRCODEGEN_EXTRACT_CMDS
	$(UNZIP) -d $(@D) $(PYTHON_QRCODEGEN_DL_DIR)/$(PYTHON_QRCODEGEN_SOURCE)
	mv $(@D)/qrcodegen-$(PYTHON_QRCODEGEN_VERSION)/* $(@D)
	rmdir $(@D)/qrcodegen-$(PYTHON_QRCODEGEN_VERSION)
endef

$(eval $(python-package))
