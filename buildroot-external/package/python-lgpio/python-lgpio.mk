################################################################################
#
# python-lgpio
#
################################################################################

PYTHON_LGPIO_VERSION = 0.2.2.0
PYTHON_LGPIO_SOURCE = lgpio-$(PYTHON_LGPIO_VERSION).tar.gz
PYTHON_LGPIO_SITE = $(PYTHON_LGPIO_DL_DIR)
PYTHON_LGPIO_SITE_METHOD = file
PYTHON_LGPIO_SETUP_TYPE = setuptools
PYTHON_LGPIO_LICENSE = Unlicense
PYTHON_LGPIO_LICENSE_FILES = LICENSE
PYTHON_LGPIO_DEPENDENCIES = host-swig
# The C library lies in the same source and is built into the module.
PYTHON_LGPIO_ENV = PYPI=1
PYTHON_LGPIO_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

$(eval $(python-package))
