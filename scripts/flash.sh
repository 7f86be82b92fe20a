#!/bin/sh
# SPDX-License-Identifier: MIT
# Write a card and read it back:  flash.sh [--yes] [--root DIR] IMAGE[.xz] /dev/sdX
#
# Refuses what is no whole disk, is mounted or otherwise in use, is built into the machine, or is too small.
# --root makes another folder the place of /dev, /proc and /sys: a test shows the script another machine.
set -eu

die() { printf 'flash: %s\n' "$*" >&2; exit 1; }
usage() { echo "usage: flash.sh [--yes] IMAGE[.xz] /dev/sdX" >&2; exit 2; }

yes='' root=''
while [ $# -gt 0 ]; do
	case $1 in
	--yes) yes=1; shift ;;
	--root) [ $# -ge 2 ] || usage; root=$2; shift 2 ;;
	-*) usage ;;
	*) break ;;
	esac
done
[ $# -eq 2 ] || usage
image=$1 device=$2
[ -n "$device" ] || die "which card? Say DEVICE=/dev/sdX (lsblk lists what there is)"
[ -r "$image" ] || die "$image: not there; make image builds it"

# The disk itself, whatever link leads to it.
[ -e "$root$device" ] || die "$device: no such device"
[ -n "$root" ] || device=$(readlink -f "$device")
node=$root$device
name=${device##*/}
[ -n "$root" ] || [ -b "$node" ] || die "$device: not a disk"
sys=$root/sys/class/block/$name
[ -d "$sys" ] || die "$device: not a disk"
[ ! -e "$sys/partition" ] || die "$device: a partition; name the whole disk"

[ "$(cat "$sys/ro")" = 0 ] || die "$device: write-protected"
kind=$(cat "$sys/device/type" 2> /dev/null || true)
# A card slot that is built in calls itself not removable, its card says SD.
[ "$(cat "$sys/removable")" = 1 ] || [ "$kind" = SD ] || die "$device: built into this machine, not a removable card"

for part in "$sys" "$sys"/"$name"*; do
	[ -d "$part" ] || continue
	which=/dev/${part##*/}
	! grep -q "^$which " "$root/proc/mounts" || die "$which is mounted; unmount it first"
	! grep -q "^$which " "$root/proc/swaps" || die "$which is used as swap space"
	[ -z "$(ls "$part/holders" 2> /dev/null)" ] || die "$which is in use (RAID, LVM or encryption)"
done

case $image in
*.xz) bytes=$(xz --robot --list "$image" | awk '$1 == "totals" { print $5 }') ;;
*) bytes=$(stat -c %s "$image") ;;
esac
content() { case $image in *.xz) xz --decompress --stdout "$image" ;; *) cat "$image" ;; esac; }
room=$(($(cat "$sys/size") * 512))
[ "$room" -ge "$bytes" ] || die "$device: $((room / 1000000)) MB, the image wants $((bytes / 1000000)) MB"

if [ -z "$yes" ]; then
	model=$(tr -s ' ' < "$sys/device/model" 2> /dev/null || cat "$sys/device/name" 2> /dev/null || echo "unknown make")
	printf 'flash: everything on %s (%s, %s MB) will be lost. Write %s? [yes/no] ' \
		"$device" "$model" "$((room / 1000000))" "${image##*/}"
	read -r answer || answer=no
	[ "$answer" = yes ] || die "nothing written"
fi

echo "flash: writing $((bytes / 1000000)) MB to $device"
content | dd "of=$node" bs=4M conv=fsync,notrunc iflag=fullblock status=progress || die "$device: could not be written"
# What is read back must come from the card, not from this machine's memory.
[ -n "$root" ] || blockdev --flushbufs "$node"
echo "flash: reading it back"
written=$(content | sha256sum)
found=$(head -c "$bytes" "$node" | sha256sum)
[ "$written" = "$found" ] || die "$device: what was read is not what was written; try another card"
echo "flash: good; put the card in, plug the hat on, connect the network"
