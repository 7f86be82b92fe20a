#!/bin/sh
# SPDX-License-Identifier: MIT
# The same disk as on the Pi; QEMU is given the kernel beside it.
set -eu
cp "$(dirname "$0")/../common/README.txt" "$BINARIES_DIR/README.txt"
"$(dirname "$0")/../common/make-disk.sh" disk.img "README.txt" "Image"
