#!/bin/sh
# SPDX-License-Identifier: MIT
# Last touches on the root file system; Buildroot calls it with TARGET_DIR and stops when it fails.
set -eu

LIMIT_MB=100
external=$(cd "$(dirname "$0")/../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$external/app/pyproject.toml")

# What the calendar says at least, see S22identity: our own commit's date, for Buildroot's SOURCE_DATE_EPOCH is that of
# its release. Either way the same tree gives the same image.
date=$(git -C "$external" log -1 --format=%ct 2> /dev/null || echo "${SOURCE_DATE_EPOCH:-$(date +%s)}")
echo "$date" > "$TARGET_DIR/etc/build-date"
# An update is taken only by the kind of board that it was made for.
if grep -q '^BR2_PACKAGE_RPI_FIRMWARE=y' "$BR2_CONFIG"; then board=rpi64; else board=qemu; fi
cat > "$TARGET_DIR/usr/lib/os-release" <<RELEASE
NAME="stratum1"
ID=stratum1
VARIANT_ID=$board
VERSION_ID=$version
PRETTY_NAME="stratum1 $version"
RELEASE
ln -sfn ../usr/lib/os-release "$TARGET_DIR/etc/os-release"

# The public half of the key that updates are signed with; a system built without one takes none.
mkdir -p "$TARGET_DIR/usr/share/stratum1"
rm -f "$TARGET_DIR/usr/share/stratum1/update.pem"
if [ -n "${STRATUM1_UPDATE_PUBLIC:-}" ]; then
	install -m 644 "$STRATUM1_UPDATE_PUBLIC" "$TARGET_DIR/usr/share/stratum1/update.pem"
else
	echo "no key for updates was given: this system will take none"
fi

# gpsd's own start script knows another serial port and no -n; the supervisor starts gpsd.
rm -f "$TARGET_DIR"/etc/init.d/S*gpsd
# Placeholders that keep empty folders in git.
rm -f "$TARGET_DIR/boot/.gitkeep" "$TARGET_DIR/data/.gitkeep"
# For compiling against, not for running.
rm -rf "$TARGET_DIR"/usr/share/gpsd "$TARGET_DIR"/usr/include
find "$TARGET_DIR/usr/lib" -path '*/site-packages/stratum1/*' \( -name '*.pxd' -o -name '*.pyx' -o -name '*.pyi' \) -delete

size=$(du -sm --apparent-size "$TARGET_DIR" | cut -f 1)
echo "root file system: $size MB of at most $LIMIT_MB"
if [ "$size" -gt "$LIMIT_MB" ]; then
	du -m --max-depth=4 "$TARGET_DIR/usr" | sort -nr | head -n 20 >&2
	echo "post-build: the root file system has $size MB, more than $LIMIT_MB" >&2
	exit 1
fi
