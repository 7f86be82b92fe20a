#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the card image with the pinned Buildroot:  image.sh [image|qemu|bundle|source|menuconfig|savedefconfig|legal-info|sbom]
#
#   image (default)   build/image/stratum1-VERSION.img with .xz, .sha256, .bmap, bill of materials, licences
#   qemu              the same user space for QEMU's virt board: build/image/qemu/
#   bundle            what was built as a signed update: build/image/stratum1-VERSION.update
#   the others        pass through to Buildroot's own targets
#
# BUILDROOT_DIR   a Buildroot that is already there (the pinned commit is still wanted)
# BR2_DL_DIR      a download folder that is already there
# STRATUM1_BOARD  rpi64 (default) or qemu; with _dev for a developer's image, which is never given away
# BR2_FRAGMENT    a file of Buildroot options laid over the defconfig, for a build from other sources
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
external=$top/buildroot-external
verb=${1:-image}
board=${STRATUM1_BOARD:-rpi64}
[ "$verb" != qemu ] || { board=qemu; verb=image; }
export BR2_DL_DIR="${BR2_DL_DIR:-$top/build/dl}"
buildroot=${BUILDROOT_DIR:-$top/build/buildroot}
output=$top/build/image/output-$board
images=$top/build/image
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/app/pyproject.toml")

say() { printf 'image: %s\n' "$*"; }
die() { printf 'image: %s\n' "$*" >&2; exit 1; }
pinned() { sed -n "s/^$1=//p" "$external/buildroot.pin"; }

need_tools() {
	missing=''
	for tool in git make gcc g++ bc cpio rsync file unzip patch perl xz python3 npm m4 bison flex; do
		command -v "$tool" > /dev/null || missing="$missing $tool"
	done
	python3 -m pip --version > /dev/null 2>&1 || missing="$missing python3-pip"
	[ -z "$missing" ] || die "missing on this machine:$missing (apt-get install them)"
}

get_buildroot() {
	tag=$(pinned tag) commit=$(pinned commit)
	if [ ! -e "$buildroot/Makefile" ]; then
		[ -z "${BUILDROOT_DIR:-}" ] || die "$buildroot: no Buildroot there"
		say "cloning Buildroot $tag"
		git -c advice.detachedHead=false clone --quiet --depth 1 --branch "$tag" "$(pinned url)" "$buildroot"
	fi
	# A tag can be moved, a commit cannot.
	head=$(git -C "$buildroot" rev-parse HEAD 2> /dev/null) || die "$buildroot: not a git checkout, so nobody knows what it is"
	[ "$head" = "$commit" ] || die "$buildroot is at $head, want $commit ($tag)"
	[ -z "$(git -C "$buildroot" status --porcelain --untracked-files=no)" ] || die "$buildroot was changed by hand"
}

buildroot() { make -s -C "$buildroot" "O=$output" "BR2_EXTERNAL=$external" "$@"; }

# Configured anew when a snippet, a recipe's options or the fragment of the caller changed, so that menuconfig's
# changes live until then.
configure() {
	"$top/scripts/image-defconfigs.sh" --check
	mkdir -p "$output" "$BR2_DL_DIR"
	cat "$external/configs/stratum1_${board}_defconfig" ${BR2_FRAGMENT:+"$BR2_FRAGMENT"} > "$output/defconfig.new" ||
		die "no defconfig stratum1_${board}_defconfig"
	echo "# options $(cat "$external/Config.in" "$external"/package/*/Config.in | sha256sum)" >> "$output/defconfig.new"
	if [ ! -e "$output/.config" ] || ! cmp -s "$output/defconfig.new" "$output/defconfig.used"; then
		say "configuring stratum1_${board}_defconfig"
		buildroot "BR2_DEFCONFIG=$output/defconfig.new" defconfig > "$output/configure.log" 2>&1 ||
			{ cat "$output/configure.log" >&2; die "Buildroot refused the configuration"; }
		cp "$output/defconfig.new" "$output/defconfig.used"
	fi
}

# progress BUILT TOTAL: one line for each package that is begun; the whole story is in the log.
progress() {
	awk -v count="$1" -v total="$2" '
		{ gsub(/\033\[[0-9;]*m/, "") }
		/^>>> [^ ]/ && !($2 in seen) {
			seen[$2] = 1
			# What was begun before and not finished is counted, so it may be one more.
			if (++count > total) total = count
			printf "image: %d/%d packages, %s %s\n", count, total, $2, $3
			fflush()
		}'
}

build() {
	# An absolute path, for post-build.sh runs elsewhere.
	"$top/scripts/bundle.py" public "$images/update.pem" || die "no key to sign updates with"
	export STRATUM1_UPDATE_PUBLIC="$images/update.pem"
	log=$images/build-$board.log
	# What the program was built from last time is not asked for; it is built from what lies here now.
	[ ! -d "$output/build" ] || buildroot stratum1-dirclean
	total=$(buildroot show-build-order | wc -w)
	ready=$(find "$output/build" -mindepth 2 -maxdepth 2 -name .stamp_installed 2> /dev/null | wc -l)
	say "$total packages for the box and for building it, $ready of them are built; the whole story is in $log"
	begun=$(date +%s)
	{ buildroot all 2>&1 && : > "$output/.built"; } | tee "$log" | progress "$ready" "$total"
	[ -e "$output/.built" ] || { tail -n 30 "$log" >&2; die "the build failed; see $log"; }
	rm "$output/.built"
	say "built in $((($(date +%s) - begun) / 60)) minutes"
}

bill_of_materials() {
	mkdir -p "$images"
	info=$output/show-info.json
	buildroot show-info > "$info" || die "Buildroot cannot tell what is in the image"
	# Buildroot's tool wants the list of licences once, and keeps it in the download folder.
	if ! "$buildroot/utils/generate-cyclonedx" --project-name stratum1 --project-version "$version" \
		--in-file "$info" --out-file "$1.new" 2> "$output/sbom.log"; then
		rm -f "$1.new"
		die "no bill of materials: $(tail -n 1 "$output/sbom.log") (the list of licences belongs into $BR2_DL_DIR/cyclonedx/)"
	fi
	mv "$1.new" "$1"
	say "bill of materials: $1"
}

publish() {
	image=$images/stratum1-$version.img
	say "packing $image"
	cp --sparse=always "$output/images/sdcard.img" "$image"
	bmap=$output/host/bin/bmaptool
	[ -x "$bmap" ] || bmap=bmaptool
	"$bmap" create "$image" --output "$image.bmap"
	xz --keep --force --threads=0 "$image"
	(cd "$images" && sha256sum "${image##*/}" "${image##*/}.xz" > "$image.sha256")
	bill_of_materials "$image.cdx.json"
	buildroot legal-info > "$images/legal-info.log" 2>&1 || die "legal-info failed; see $images/legal-info.log"
	rm -rf "$images/legal-info"
	cp -r "$output/legal-info" "$images/legal-info"
	ls -lh "$images"
}

bundle() {
	name=stratum1-$version
	[ "$board" = rpi64 ] || name=$name-$board
	"$top/scripts/bundle.py" make "$output/images" "$images/$name.update"
}

if [ "$verb" = bundle ]; then
	bundle
	exit
fi
need_tools
get_buildroot
case $verb in
image)
	configure
	mkdir -p "$images"
	build
	case $board in
	rpi64) publish ;;
	*) say "$output/images/disk.img and $output/images/Image are ready" ;;
	esac
	;;
source)
	configure
	buildroot source
	;;
menuconfig)
	configure
	buildroot menuconfig
	;;
savedefconfig)
	configure
	buildroot "BR2_DEFCONFIG=$images/stratum1_${board}_defconfig" savedefconfig
	say "$images/stratum1_${board}_defconfig: carry what changed over to $external/configs/snippets"
	;;
legal-info)
	configure
	buildroot legal-info
	;;
sbom)
	configure
	bill_of_materials "$images/stratum1-$version.cdx.json"
	;;
*) die "no verb '$verb'; want image, qemu, bundle, source, menuconfig, savedefconfig, legal-info or sbom" ;;
esac
