#!/bin/sh
# SPDX-License-Identifier: MIT
# Put a package of the npm registry into a folder, with its hash pinned; for the image and for a developer's checkout.
#
#   npm-download.sh --hashes FILE.hash --into FOLDER NAME-VERSION.tgz
#
# npm knows where its registry is; nothing here does. No script of the package is run.
set -eu

usage() {
	echo "usage: npm-download.sh --hashes FILE --into FOLDER NAME-VERSION.tgz" >&2
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
[ -n "$sha256" ] || { echo "npm-download.sh: $hashes: no sha256 of $file" >&2; exit 1; }
is_good() { echo "$sha256  $1" | sha256sum --check --status 2>/dev/null; }
is_good "$into/$file" && exit 0

command -v npm > /dev/null || { echo "npm-download.sh: $file: npm is missing (apt-get install npm)" >&2; exit 1; }
stem=${file%.tgz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! npm pack --silent --ignore-scripts --fetch-retries=1 --pack-destination "$work" "${stem%-*}@${stem##*-}" > "$work/log" 2>&1; then
	sed 's/^/npm: /' "$work/log" >&2
	echo "npm-download.sh: npm could not get $file" >&2
	exit 1
fi
is_good "$work/$file" || { echo "npm-download.sh: $file: not the pinned sha256" >&2; exit 1; }
mkdir -p "$into"
mv "$work/$file" "$into/$file"
