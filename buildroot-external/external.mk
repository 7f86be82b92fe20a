# SPDX-License-Identifier: MIT

# Sources that live in the Python package index or the npm registry come through pip and npm, which know
# where those are; the pinned sha256 is compared, then Buildroot compares it with the .hash file again.
#
# Usage, in a recipe: $(PKG)_PRE_DOWNLOAD_HOOKS += STRATUM1_PINNED_DOWNLOAD
define STRATUM1_PINNED_DOWNLOAD
	$(BR2_EXTERNAL_STRATUM1_PATH)/../scripts/pinned-download.sh \
		--hashes $($(PKG)_PKGDIR)/$($(PKG)_RAWNAME).hash \
		--into $($(PKG)_DL_DIR) $($(PKG)_SOURCE)
endef

include $(sort $(wildcard $(BR2_EXTERNAL_STRATUM1_PATH)/package/*/*.mk))

# A symbol that Kconfig dropped would be missed on the first Pi, not in the
# build: so the build stops as soon as the kernel is configured.
define STRATUM1_CHECK_KERNEL_FRAGMENTS
	$(BR2_EXTERNAL_STRATUM1_PATH)/../scripts/image-kernel-config.py \
		$(@D)/.config \
		$(call qstrip,$(BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES))
endef
LINUX_POST_CONFIGURE_HOOKS += STRATUM1_CHECK_KERNEL_FRAGMENTS
