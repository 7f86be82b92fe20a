#!/bin/sh
# SPDX-License-Identifier: MIT
# Put a Python source into the download folder by pip, with its hash pinned.
#
#   image-pip-download.sh --hashes FILE.hash --into FOLDER NAME-VERSION.tar.gz|.zip
#
# pip knows where its index is; nothing here does.
set -eu

usage() {
	echo "usage: image-pip-download.sh --hashes FILE --into FOLDER NAME-VERSION.tar.gz|.zip" >&2
	exit 2
}

hashes='' into='' file=''
while [ $# -gt 0 ]; do
	case $1 in
	--hashes) [ $# -ge 2 ] || usage; hashes=$2; shift 2 ;;
	--into) [ $# -ge 2 ] || usage; into=$2; shift 2 ;;
	-*) usage ;;
	*) file=$1; shift ;;
	esac
done
if [ -z "$hashes" ] || [ -z "$into" ] || [ -z "$file" ]; then usage; fi

sha256=$(awk -v file="$file" '$1 == "sha256" && $3 == file { print $2 }' "$hashes")
[ -n "$sha256" ] || { echo "image-pip-download.sh: $hashes: no sha256 of $file" >&2; exit 1; }
is_good() { echo "$sha256  $1" | sha256sum --check --status 2>/dev/null; }
is_good "$into/$file" && exit 0

stem=${file%.tar.gz}
stem=${stem%.zip}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "${stem%-*}==${stem##*-} --hash=sha256:$sha256" > "$work/requirements.txt"
# An sdist is asked for: what is built for the Pi is built from source. pip runs the source's own
# metadata step, so the build tools that the source names are fetched too, and thrown away.
if ! python3 -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
	--dest "$work/got" --requirement "$work/requirements.txt" > "$work/log" 2>&1; then
	sed 's/^/pip: /' "$work/log" >&2
	echo "image-pip-download.sh: pip could not get $file" >&2
	exit 1
fi
is_good "$work/got/$file" || { echo "image-pip-download.sh: $file: not the pinned sha256" >&2; exit 1; }
mkdir -p "$into"
mv "$work/got/$file" "$into/$file"
