#!/bin/sh
# SPDX-License-Identifier: MIT
# Device trees of real boards, out of Debian's arm64 kernel package:  image-device-trees.sh FOLDER
#
# The package sources are the machine's own with the release exchanged, so no mirror is named here, and a private
# apt reads them, so nothing of the machine's is touched. The newest kernel is wanted: older ones lack the
# header of the Pi 5.
set -eu

[ $# -eq 1 ] || { echo "usage: image-device-trees.sh FOLDER" >&2; exit 2; }
die() { printf 'image-device-trees: %s\n' "$*" >&2; exit 1; }
for tool in apt-get dpkg-deb; do command -v $tool > /dev/null || die "no $tool on this machine"; done

mkdir -p "$1"
folder=$(cd "$1" && pwd)
apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/archives/partial"

release=sid
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2> /dev/null |
	sed -n -E 's/^deb +(\[[^]]*\] +)?([^ ]+\/debian)\/? .*/\2/p' | head -n 1)
[ -n "$uri" ] || uri=$(cat /etc/apt/sources.list.d/*.sources 2> /dev/null |
	sed -n -E 's/^URIs: *([^ ]+\/debian)\/?( .*)?$/\1/p' | head -n 1)
[ -n "$uri" ] || die "/etc/apt: no Debian package source found"

echo "deb [arch=arm64 signed-by=$keyring] $uri $release main" > "$apt/sources.list"
: > "$apt/status"
cat > "$apt/apt.conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "$(id -un)";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Acquire::Languages "none";
CONF
export APT_CONFIG="$apt/apt.conf"
apt-get -qq update > "$apt/log" 2>&1 || die "package lists could not be had; see $apt/log"

# The package that holds the trees has had several names: the one for the newest kernel is looked for in order.
version=$(apt-cache depends linux-image-arm64 | sed -n 's/.*Depends: linux-image-\([^ ]*\)$/\1/p' | head -n 1)
[ -n "$version" ] || die "no kernel for arm64 in the package lists"
cd "$apt/archives"
for package in "linux-base-$version" "linux-image-$version" "linux-image-$version-unsigned"; do
	apt-get -qq download "$package" >> "$apt/log" 2>&1 || continue
	dpkg-deb --fsys-tarfile "$package"_*.deb > trees.tar
	tar -xf trees.tar -C "$folder" --transform 's|.*/||' --wildcards '*/broadcom/bcm27*.dtb' '*/broadcom/bcm2837*.dtb' \
		2> /dev/null || continue
	echo "$version" > "$folder/complete"
	rm -rf "$apt"
	exit 0
done
die "no package of kernel $version holds device trees; see $apt/log"
