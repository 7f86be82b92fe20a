################################################################################
#
# python-luma-oled
#
################################################################################

PYTHON_LUMA_OLED_VERSION = 3.16.0
PYTHON_LUMA_OLED_SOURCE = luma_oled-$(PYTHON_LUMA_OLED_VERSION).tar.gz
PYTHON_LUMA_OLED_SITE = $(PYTHON_LUMA_OLED_DL_DIR)
PYTHON_LUMA_OLED_SITE_METHOD = file
PYTHON_LUMA_OLED_SETUP_TYPE = setuptools
PYTHON_LUMA_OLED_LICENSE = MIT
PYTHON_LUMA_OLED_LICENSE_FILES = LICENSE.rst
PYTHON_LUMA_OLED_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

$(eval $(python-package))
