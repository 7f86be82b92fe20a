################################################################################
#
# python-rpi-lgpio
#
################################################################################

PYTHON_RPI_LGPIO_VERSION = 0.6
PYTHON_RPI_LGPIO_SOURCE = rpi_lgpio-$(PYTHON_RPI_LGPIO_VERSION).tar.gz
PYTHON_RPI_LGPIO_SITE = $(PYTHON_RPI_LGPIO_DL_DIR)
PYTHON_RPI_LGPIO_SITE_METHOD = file
PYTHON_RPI_LGPIO_SETUP_TYPE = setuptools
PYTHON_RPI_LGPIO_LICENSE = BSD-3-Clause
PYTHON_RPI_LGPIO_LICENSE_FILES = LICENSE.txt
PYTHON_RPI_LGPIO_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

$(eval $(python-package))
