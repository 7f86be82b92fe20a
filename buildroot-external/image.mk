################################################################################
#
# image
#
################################################################################

# SPDX-License-Identifier: MIT
# The card image; included by the Makefile at the top. BUILDROOT_DIR= and
# BR2_DL_DIR= let it use what is there already.

export BUILDROOT_DIR BR2_DL_DIR STRATUM1_BOARD BR2_FRAGMENT
IMAGE ?= $(lastword $(sort $(wildcard build/image/stratum1-*.img.xz)))

.PHONY: image image-qemu flash menuconfig savedefconfig legal-info sbom

image: ## build the card image, build/image/stratum1-VERSION.img.xz
	@scripts/image.sh image

image-qemu: ## build the same user space for the virtual board of QEMU
	@scripts/image.sh qemu

flash: ## write the image to the card that DEVICE names, and read it back
	@scripts/flash.sh "$(IMAGE)" "$(DEVICE)"

menuconfig: ## Buildroot's own: change the configuration by hand
	@scripts/image.sh menuconfig

savedefconfig: ## Buildroot's own: what menuconfig changed, as a defconfig
	@scripts/image.sh savedefconfig

legal-info: ## Buildroot's own: licences and sources of everything in it
	@scripts/image.sh legal-info

sbom: ## the software bill of materials (CycloneDX)
	@scripts/image.sh sbom
