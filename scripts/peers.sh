#!/bin/bash
# SPDX-License-Identifier: MIT
# Unpacks other people's programs below build/peers, as clients and servers for the tests and peers for the bench.
#
# Nothing is installed and nothing is started: packages are downloaded by apt-get as any user, unpacked with
# dpkg-deb, and called by the wrappers in build/peers/bin.  The machine's own time service is left alone.
#
#   scripts/peers.sh          download and unpack what is not there yet; say what is missing
#   scripts/peers.sh --again  throw the cache away first
#
# Exit status 0 also when some are missing (tests that need them skip and say so); 1 when none can be had.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
peers=${STRATUM1_PEERS:-$here/build/peers}

# package: the programs of it that are wanted
packages=(
    "chrony: usr/sbin/chronyd usr/bin/chronyc"
    "ntpsec: usr/sbin/ntpd usr/bin/ntpq usr/bin/ntptrace"
    "ntpsec-ntpdig: usr/bin/ntpdig"
    "python3-ntp:"
    "openntpd: usr/sbin/ntpd usr/sbin/ntpctl"
    "systemd-timesyncd: lib/systemd/systemd-timesyncd"
    "rdate: usr/sbin/rdate"
    "ntpd-rs: usr/bin/ntp-daemon"
    "tshark: usr/bin/tshark"
    "nmap: usr/bin/nmap"
    "mosquitto: usr/sbin/mosquitto"
    "wpasupplicant: sbin/wpa_supplicant"
)

if [ "${1:-}" = --again ]; then
    rm -rf "$peers"
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "peers: apt-get or dpkg-deb is not here; tests against other time programs will be skipped" >&2
    exit 1
fi
mkdir -p "$peers/packages" "$peers/bin" "$peers/done"

# What apt would add to this machine for the package named, without adding it.
wanted() {
    LC_ALL=C apt-get -s -o Debug::NoLocking=true --no-install-recommends install "$1" 2>/dev/null |
        awk '$1 == "Inst" { print $2 }'
}

fetch() {
    local package=$1 name
    local root=$peers/$package
    local names
    names=$(wanted "$package")
    # A package that is installed already is unpacked all the same, so that only one kind of path is needed.
    case " ${names//$'\n'/ } " in
        *" $package "*) ;;
        *) names="$package $names" ;;
    esac
    rm -rf "$root"
    mkdir -p "$root"
    for name in $names; do
        if ! ls "$peers/packages/${name%%:*}"_*.deb >/dev/null 2>&1; then
            (cd "$peers/packages" && apt-get -q download "$name" >/dev/null 2>&1) || return 1
        fi
        dpkg-deb -x "$(find "$peers/packages" -name "${name%%:*}_*.deb" | head -n 1)" "$root" || return 1
    done
}

# build/peers/bin/PACKAGE.PROGRAM runs the unpacked program with its own libraries and Python modules.
wrap() {
    local package=$1 program=$2
    local wrapper
    wrapper=$peers/bin/$package.$(basename "$program")
    cat >"$wrapper" <<'WRAPPER'
#!/bin/sh
peers=$(cd "$(dirname "$0")/.." && pwd)
root=$peers/PACKAGE
libraries=$(find "$root/usr/lib" "$root/lib" -maxdepth 3 \( -name '*.so' -o -name '*.so.*' \) -printf '%h\n' 2>/dev/null | sort -u | tr '\n' ':')
LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:-}
PYTHONPATH=$root/usr/lib/python3/dist-packages:$peers/python3-ntp/usr/lib/python3/dist-packages
export LD_LIBRARY_PATH PYTHONPATH
if head -c 2 "$root/PROGRAM" | grep -q '#!' && head -n 1 "$root/PROGRAM" | grep -q python; then
    exec python3 "$root/PROGRAM" "$@"
fi
exec "$root/PROGRAM" "$@"
WRAPPER
    sed -i "s|PACKAGE|$package|; s|PROGRAM|$program|g" "$wrapper"
    chmod +x "$wrapper"
}

have=()
missing=()
for line in "${packages[@]}"; do
    package=${line%%:*}
    read -r -a programs <<<"${line#*:}"
    if [ ! -e "$peers/done/$package" ]; then
        echo "peers: unpacking $package"
        if ! apt-cache show "$package" >/dev/null 2>&1 || ! fetch "$package"; then
            missing+=("$package")
            continue
        fi
        for program in "${programs[@]}"; do
            [ ! -e "$peers/$package/$program" ] || wrap "$package" "$program"
        done
        touch "$peers/done/$package"
    fi
    have+=("$package")
done
rm -rf "$peers/packages"
mkdir -p "$peers/packages"

echo "peers: have ${have[*]:-none} in $peers"
if [ "${#missing[@]}" -gt 0 ]; then
    echo "peers: missing ${missing[*]} (not offered by this system's package lists, or not reachable; try apt-get update)"
fi
[ "${#have[@]}" -gt 0 ]
