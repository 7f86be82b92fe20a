################################################################################
#
# stratum1
#
################################################################################

STRATUM1_VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' \
	$(BR2_EXTERNAL_STRATUM1_PATH)/../app/pyproject.toml)
STRATUM1_SITE = $(BR2_EXTERNAL_STRATUM1_PATH)/../app
STRATUM1_SITE_METHOD = local
STRATUM1_SETUP_TYPE = setuptools
STRATUM1_LICENSE = MIT
STRATUM1_LICENSE_FILES = LICENSE
STRATUM1_DEPENDENCIES = host-python-cython openssl uplot

# What a developer's machine built in place is for that machine alone.
STRATUM1_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/build --exclude=/src/stratum1/web/static/vendor --exclude=*.so --exclude=*.egg-info --exclude=__pycache__

define STRATUM1_ADD_LICENSE
	cp $(BR2_EXTERNAL_STRATUM1_PATH)/../LICENSE $(@D)/LICENSE
endef
STRATUM1_POST_RSYNC_HOOKS += STRATUM1_ADD_LICENSE

define STRATUM1_ADD_CHARTS
	mkdir -p $(@D)/src/stratum1/web/static/vendor
	cp $(STAGING_DIR)/usr/share/uplot/* $(@D)/src/stratum1/web/static/vendor/
endef
STRATUM1_PRE_CONFIGURE_HOOKS += STRATUM1_ADD_CHARTS

# The supervisor runs each process as the least that it needs.
define STRATUM1_USERS
	stratum1 -1 stratum1 -1 * - - - time server
	gpsd -1 gpsd -1 * - - dialout receiver of GPS
endef

$(eval $(python-package))
