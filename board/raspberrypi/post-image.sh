#!/bin/sh
# SPDX-License-Identifier: MIT
# The card image for the Raspberry Pi: firmware, kernel, device trees and our overlay in boot slot A.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
boot=$BINARIES_DIR/boot
rm -rf "$boot"
mkdir -p "$boot"

cp -r "$BINARIES_DIR"/rpi-firmware/. "$boot/"
cp "$BINARIES_DIR/Image" "$BINARIES_DIR"/*.dtb "$boot/"
mkdir -p "$boot/overlays"
# Node names with an address and no reg are how the vendor's own pps-gpio overlay names its sources.
dtc -W no-unit_address_vs_reg -I dts -O dtb -o "$boot/overlays/stratum1.dtbo" \
	"$here/../../overlays/devicetree/stratum1.dts"
# The ROM of a Pi 3 takes its second stage from the first partition.
[ ! -f "$boot/bootcode.bin" ] || mv "$boot/bootcode.bin" "$BINARIES_DIR/bootcode.bin"
cp "$here/autoboot.txt" "$here/../common/README.txt" "$BINARIES_DIR/"

setup="autoboot.txt README.txt"
[ ! -f "$BINARIES_DIR/bootcode.bin" ] || setup="$setup bootcode.bin"
files=$(cd "$BINARIES_DIR" && find boot -mindepth 1 -maxdepth 1 | LC_ALL=C sort)
"$here/../common/make-disk.sh" sdcard.img "$setup" "$files"
