#!/bin/sh
# SPDX-License-Identifier: MIT
# Put a source with a pinned hash into a folder: a Python source by pip, a .tgz by npm.
#
#   pinned-download.sh --hashes FILE.hash --into FOLDER NAME-VERSION.tar.gz|.zip|.tgz
#
# pip and npm know where their registries are; nothing here does. No script of a npm package is run.
set -eu

say() { echo "pinned-download.sh: $*" >&2; }

usage() {
	echo "usage: pinned-download.sh --hashes FILE --into FOLDER NAME-VERSION.tar.gz|.zip|.tgz" >&2
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
[ -n "$sha256" ] || { say "$hashes: no sha256 of $file"; exit 1; }
is_good() { echo "$sha256  $1" | sha256sum --check --status 2>/dev/null; }
is_good "$into/$file" && exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/got"

by_npm() {
	npm pack --silent --ignore-scripts --fetch-retries=1 --pack-destination "$work/got" "$name@$version"
}

# An sdist is asked for: what is built for the Pi is built from source. pip runs the source's own
# metadata step, so the build tools that the source names are fetched too, and thrown away.
by_pip() {
	echo "$name==$version --hash=sha256:$sha256" > "$work/requirements.txt"
	python3 -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
		--dest "$work/got" --requirement "$work/requirements.txt"
}

case $file in
*.tgz) client=npm stem=${file%.tgz} ;;
*) client=pip stem=${file%.tar.gz} stem=${stem%.zip} ;;
esac
name=${stem%-*} version=${stem##*-}
if [ $client = npm ] && ! command -v npm > /dev/null; then
	say "$file: npm is missing (apt-get install npm)"
	exit 1
fi
if ! "by_$client" > "$work/log" 2>&1; then
	sed "s/^/$client: /" "$work/log" >&2
	say "$client could not get $file"
	exit 1
fi
is_good "$work/got/$file" || { say "$file: not the pinned sha256"; exit 1; }
mkdir -p "$into"
mv "$work/got/$file" "$into/$file"
