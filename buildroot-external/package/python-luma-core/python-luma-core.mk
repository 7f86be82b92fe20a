################################################################################
#
# python-luma-core
#
################################################################################

PYTHON_LUMA_CORE_VERSION = 2.6.0
PYTHON_LUMA_CORE_SOURCE = luma_core-$(PYTHON_LUMA_CORE_VERSION).tar.gz
PYTHON_LUMA_CORE_SITE = $(PYTHON_LUMA_CORE_DL_DIR)
PYTHON_LUMA_CORE_SITE_METHOD = file
PYTHON_LUMA_CORE_SETUP_TYPE = setuptools
PYTHON_LUMA_CORE_LICENSE = MIT
PYTHON_LUMA_CORE_LICENSE_FILES = LICENSE.rst
PYTHON_LUMA_CORE_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

$(eval $(python-package))
