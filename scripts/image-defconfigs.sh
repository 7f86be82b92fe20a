#!/bin/sh
# SPDX-License-Identifier: MIT
# Put the defconfigs together from their snippets.
#
#   image-defconfigs.sh           writes buildroot-external/configs/*_defconfig
#   image-defconfigs.sh --check   fails when one is not what its snippets give
set -eu

configs=$(cd "$(dirname "$0")/../buildroot-external/configs" && pwd)

compose() {
	echo "# Made by scripts/image-defconfigs.sh from: $*. Change those."
	for snippet in "$@"; do
		echo
		cat "$configs/snippets/$snippet.config"
	done
}

common='toolchain build system userspace'
# Both are called by name, below.
# shellcheck disable=SC2317
check() { cmp -s - "$1" || { echo "$1: not what its snippets give; run scripts/image-defconfigs.sh" >&2; return 1; }; }
# shellcheck disable=SC2317
write() { cat > "$1"; }

case ${1:-} in
'') act='write' ;;
--check) act='check' ;;
*) echo "usage: image-defconfigs.sh [--check]" >&2; exit 2 ;;
esac

status=0
for board in rpi64 qemu; do
	# shellcheck disable=SC2086 # a list of words
	{
		compose $common $board | $act "$configs/stratum1_${board}_defconfig" || status=1
		compose $common $board dev | $act "$configs/stratum1_${board}_dev_defconfig" || status=1
	}
done
exit $status
