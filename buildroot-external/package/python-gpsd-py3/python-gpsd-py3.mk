################################################################################
#
# python-gpsd-py3
#
################################################################################

PYTHON_GPSD_PY3_VERSION = 0.3.0
PYTHON_GPSD_PY3_SOURCE = gpsd-py3-$(PYTHON_GPSD_PY3_VERSION).tar.gz
PYTHON_GPSD_PY3_SITE = $(PYTHON_GPSD_PY3_DL_DIR)
PYTHON_GPSD_PY3_SITE_METHOD = file
PYTHON_GPSD_PY3_SETUP_TYPE = setuptools
PYTHON_GPSD_PY3_LICENSE = MIT
PYTHON_GPSD_PY3_LICENSE_FILES = PKG-INFO
PYTHON_GPSD_PY3_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

$(eval $(python-package))
