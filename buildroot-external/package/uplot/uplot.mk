################################################################################
#
# uplot
#
################################################################################

UPLOT_VERSION = 1.6.32
UPLOT_SOURCE = uplot-$(UPLOT_VERSION).tgz
UPLOT_SITE = $(UPLOT_DL_DIR)
UPLOT_SITE_METHOD = file
UPLOT_LICENSE = MIT
UPLOT_LICENSE_FILES = LICENSE
UPLOT_INSTALL_STAGING = YES
UPLOT_INSTALL_TARGET = NO
UPLOT_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD

# The program takes them from here into its own folder of static files.
define UPLOT_INSTALL_STAGING_CMDS
	$(INSTALL) -D -m 0644 $(@D)/dist/uPlot.iife.min.js $(STAGING_DIR)/usr/share/uplot/uPlot.iife.min.js
	$(INSTALL) -D -m 0644 $(@D)/dist/uPlot.min.css $(STAGING_DIR)/usr/share/uplot/uPlot.min.css
endef

$(eval $(generic-package))
