#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian / Raspberry Pi OS packages that this project needs, for a purpose:
#
#   packages.sh missing run|test    print those that are missing, on one line
#   packages.sh install run|test    install them (root)
#
# A third purpose, emulate, is test and what the virtual machine needs.
#
# No time daemon is among them, and no service is started or enabled: see install().
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

has() { command -v "$1" >/dev/null 2>&1; }
header() { has gcc && echo "#include <$1>" | gcc -E - >/dev/null 2>&1; }

# A Python of ours must be 3.11 or newer and able to make environments and extension modules.
python_fits() {
    "$1" - >/dev/null 2>&1 <<'END'
import ensurepip, os, sys, sysconfig, venv
assert sys.version_info >= (3, 11)
assert os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
END
}

find_python() {
    for candidate in ${PYTHON:-} python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        if has "$candidate" && python_fits "$candidate"; then
            command -v "$candidate"
            return 0
        fi
    done
    return 1
}

missing() {
    has gpsd || echo gpsd
    find_python >/dev/null || echo python3-venv python3-dev
    has gcc && header stdio.h || echo gcc libc6-dev
    header openssl/evp.h || echo libssl-dev
    [ "$1" != run ] || return 0
    has shellcheck || echo shellcheck
    has dtc || echo device-tree-compiler
    has chromium || has chromium-browser || has google-chrome || echo chromium
    has ip || echo iproute2
    has ethtool || echo ethtool
    has busybox || echo busybox-static
    has genimage || echo genimage
    has mcopy || echo mtools
    has mkdosfs || echo dosfstools
    has mke2fs || echo e2fsprogs
    has bc || echo bc
    has git || echo git
    has xz || echo xz-utils
    has npm || echo npm
    [ "$1" = emulate ] || return 0
    has qemu-system-aarch64 || echo qemu-system-arm
    has qemu-aarch64-static || echo qemu-user-static
    has swig || echo swig
    has ssh || echo openssh-client
    has aarch64-linux-gnu-gcc && [ -e /usr/aarch64-linux-gnu/include/stdio.h ] ||
        echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross
    has mksquashfs || echo squashfs-tools
    has cpio || echo cpio
    has modinfo || echo kmod
}

# The gpsd package brings a service that Debian starts and enables by itself, and that would take the
# receiver away from whoever owns it now. Where gpsd comes in by our hand, that service is masked while
# it is unpacked and left off afterwards; a gpsd that was there before is not touched.
install() {
    quiet_gpsd=no
    case " $* " in *" gpsd "*) quiet_gpsd=yes ;; esac
    export DEBIAN_FRONTEND=noninteractive
    apt="apt-get -y -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3"
    $apt update >/dev/null
    if [ "$quiet_gpsd" = yes ] && has systemctl; then
        systemctl mask --runtime gpsd.socket gpsd.service >/dev/null 2>&1 || true
    fi
    log=$(mktemp)
    $apt install --no-install-recommends "$@" >"$log" 2>&1 &
    apt_pid=$!
    # dpkg's own words, the useful ones, as they come
    tail -n +1 -f --pid="$apt_pid" "$log" | sed -un 's/^Setting up \([^ ]*\).*/setup:     \1/p'
    status=0
    wait "$apt_pid" || { status=$?; tail -n 20 "$log" >&2; }
    rm -f "$log"
    if [ "$quiet_gpsd" = yes ] && has systemctl; then
        systemctl unmask --runtime gpsd.socket gpsd.service >/dev/null 2>&1 || true
        systemctl disable gpsd.socket gpsd.service >/dev/null 2>&1 || true
    fi
    return $status
}

purpose=${2:-run}
case ${1:-} in
    python) find_python ;;
    missing) missing "$purpose" | xargs ;;
    install)
        wanted=$(missing "$purpose" | xargs)
        [ -n "$wanted" ] || exit 0
        if [ "$(id -u)" != 0 ] || ! has apt-get; then
            echo "packages.sh: needs root on Debian or Raspberry Pi OS to install: $wanted" >&2
            exit 2
        fi
        # shellcheck disable=SC2086  # a list of package names
        install $wanted
        ;;
    *)
        echo "usage: packages.sh missing|install run|test|emulate, or packages.sh python" >&2
        exit 2
        ;;
esac
