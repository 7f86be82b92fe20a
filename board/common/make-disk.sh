#!/bin/sh
# SPDX-License-Identifier: MIT
# Lay out the disk image:  make-disk.sh NAME.img "SETUP FILES" "BOOT FILES"   (files below BINARIES_DIR)
set -eu

name=$1 setup=$2 boot=$3
here=$(cd "$(dirname "$0")" && pwd)

list() {
	for file in $1; do printf '"%s", ' "$file"; done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
sed -e "s|@IMAGE@|$name|" -e "s|@SETUP_FILES@|$(list "$setup")|" -e "s|@BOOT_FILES@|$(list "$boot")|" \
	"$here/genimage.cfg.in" > "$BINARIES_DIR/genimage.cfg"
# The other slot has its file systems and waits; FAT tools refuse to be given nothing at all.
echo "The first update will be written here." > "$BINARIES_DIR/EMPTY.txt"
rm -f "$BINARIES_DIR/$name"
genimage --rootpath "$work/root" --tmppath "$work/tmp" --inputpath "$BINARIES_DIR" --outputpath "$BINARIES_DIR" \
	--config "$BINARIES_DIR/genimage.cfg"
