#!/bin/sh
# SPDX-License-Identifier: MIT
# The same disk as on the Pi, with the file that says which slot starts; QEMU is given the kernel beside it, so who
# starts it plays the firmware.
set -eu
cp "$(dirname "$0")/../common/README.txt" "$(dirname "$0")/../raspberrypi/autoboot.txt" "$BINARIES_DIR/"
"$(dirname "$0")/../common/make-disk.sh" disk.img "autoboot.txt README.txt" "Image"
