# SPDX-License-Identifier: MIT
"""Puts the guest together: the appliance's user space from Debian's arm64 packages.

Used when no image of `stratum1_qemu_defconfig` has been built.  The same overlays/rootfs, the same init
and the same application as on the Pi; kernel, BusyBox, Python and gpsd are Debian's.  Everything lies
below build/guest and is made again only when what it is made from has changed.
"""

from __future__ import annotations

import argparse
import lzma
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cross import compile_bytecode, hash_of, install_application, install_gpio, install_wheels
from debian import PrivateApt, UnreachableError, unpack

PROJECT = Path(__file__).resolve().parents[3]
OVERRIDE = "STRATUM1_GUEST"
"""Environment variable: a folder whose disk.img is taken in place of the guest's (mutants.py)."""
NOT_TO_BE_HAD = 3
"""Exit status: what the guest is made of cannot be fetched here."""
BUILT = 1_767_225_600
"""2026-01-01: the date before which no time is believed."""

PACKAGES = (
    "busybox-static",
    "dropbear-bin",
    "e2fsprogs",
    "ethtool",
    "fdisk",
    "gpsd",
    "libpython3.13-stdlib",
    "openssl",
    "python3.13-minimal",
    "python3-cbor2",
    "python3-flask",
    "python3-flaskext.wtf",
    "python3-pil",
    "python3-waitress",
    "python3-wtforms",
    "python3-argon2",
    "tzdata",
    "util-linux",
)
DEVELOPMENT = ("libpython3.13-dev", "libssl-dev")
# What the packages above depend on for the sake of Debian's own machinery alone.
NOT_WANTED = (
    "adduser", "base-passwd", "coreutils", "cpio", "debconf", "dpkg", "gcc-14-base", "init-system-helpers",
    "libapparmor1", "libaudit", "libpam", "libsemanage", "libsepol", "libseccomp", "libsystemd-shared", "login.defs",
    "lsb-base", "media-types", "mount_", "netbase", "openssl-provider-legacy", "passwd", "perl", "python3_",
    "python3-minimal",
    "systemd", "tar_", "tzdata-legacy", "udev",
)  # fmt: skip
MODULES = (
    "virtio_blk", "virtio_net", "squashfs", "vfat", "nls_ascii", "nls_cp437", "nls_iso8859_1", "crc32c_generic", "ext4",
    "pps-gpio", "i2c-dev", "i2c-gpio", "gpio_keys", "evdev", "i6300esb",
)  # fmt: skip

SETUP_FILES = ("common/README.txt", "raspberrypi/autoboot.txt")
"""On the setup partition from the beginning, as board/qemu/post-image.sh has it."""

INIT = """#!/bin/busybox sh
# Loads what the Pi's kernel has built in, then hands over to the root on the disk and its own init.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in {modules}; do modprobe "$module" || echo "guest: no module $module"; done
until [ -b /dev/vda5 ]; do sleep 0.1; done
mount -t squashfs -o ro /dev/vda5 /root
mount --move /dev /root/dev
umount /sys /proc
exec switch_root /root /sbin/init
"""

USERS = """root:x:0:0:root:/root:/bin/sh
gpsd:x:998:20::/:/bin/false
stratum1:x:997:997::/:/bin/false
nobody:x:65534:65534::/:/bin/false
"""
GROUPS = """root:x:0:
tty:x:5:
dialout:x:20:
stratum1:x:997:
nogroup:x:65534:
"""
SHADOW = "root:*:::::::\n"
SYSLOG = """#!/bin/sh
. /etc/default/syslogd
[ "$1" != start ] || /sbin/syslogd $SYSLOGD_ARGS
"""


def say(text: str) -> None:
    print(f"guest: {text}", flush=True)


def unpack_all(apt: PrivateApt, build: Path) -> tuple[Path, Path]:
    """(root of the guest, development files), from Debian's packages."""
    root, sysroot = build / "debian", build / "sysroot"
    mark = build / "debian.done"
    wanted = " ".join((*PACKAGES, *DEVELOPMENT, *NOT_WANTED))
    if mark.exists() and mark.read_text() == wanted:
        return root, sysroot
    for folder in (root, sysroot):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    run_time = apt.fetch(PACKAGES)
    say(f"unpacking {len(run_time)} packages for the guest")
    for package in run_time:
        if not package.name.startswith(NOT_WANTED):
            unpack(package, root)
    for package in apt.fetch((*PACKAGES, *DEVELOPMENT)):
        if package.name.startswith(("libpython3", "libssl", "zlib1g", "libexpat1")):
            unpack(package, sysroot)
    for unwanted in ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/lib/systemd"):
        shutil.rmtree(root / unwanted, ignore_errors=True)
    say("compiling Debian's python modules")
    compile_bytecode(root, "usr/lib/python3.13", "usr/lib/python3")
    mark.write_text(wanted)
    return root, sysroot


def kernel(apt: PrivateApt, build: Path) -> tuple[Path, Path]:
    """(kernel image, folder of its modules), from Debian's kernel package."""
    folder = build / "kernel"
    if not (folder / "done").exists():
        say("fetching the kernel")
        shutil.rmtree(folder, ignore_errors=True)
        packages = [p for p in apt.fetch(["linux-image-arm64"]) if p.name.startswith("linux-image-6")]
        unpack(packages[0], folder)
        (folder / "done").touch()
    image = next((folder / "boot").glob("vmlinuz-*"))
    return image, next((folder / "usr/lib/modules").iterdir())


def install_modules(modules: Path, root: Path) -> None:
    """Only the modules that the guest loads, with what they depend on."""
    target = root / "lib/modules" / modules.name
    depends: dict[str, list[str]] = {}
    everything = {p.name.removesuffix(".ko.xz").replace("-", "_"): p for p in modules.rglob("*.ko.xz")}
    waiting = [name.replace("-", "_") for name in MODULES]
    while waiting:
        name = waiting.pop()
        if name in depends or name not in everything:
            continue
        source = everything[name]
        plain = target / source.relative_to(modules).with_suffix("")
        plain.parent.mkdir(parents=True, exist_ok=True)
        plain.write_bytes(lzma.decompress(source.read_bytes()))
        told = subprocess.run(["modinfo", "-F", "depends", str(plain)], capture_output=True, text=True, check=True)
        depends[name] = [item.replace("-", "_") for item in told.stdout.strip().split(",") if item]
        waiting.extend(depends[name])
    paths = {name: everything[name].relative_to(modules).with_suffix("") for name in depends}

    def chain(name: str) -> list[str]:
        return [d for first in depends[name] if first in paths for d in (first, *chain(first))]

    lines = [f"{paths[name]}: {' '.join(str(paths[d]) for d in chain(name))}" for name in sorted(depends)]
    (target / "modules.dep").write_text("\n".join(lines) + "\n")


def squash(root: Path, image: Path) -> None:
    """`root` as the appliance's read-only file system, everything owned by root."""
    image.unlink(missing_ok=True)
    command = ["mksquashfs", str(root), str(image), "-all-root", "-noappend", "-comp", "lzo", "-quiet", "-no-progress"]
    subprocess.run(command, check=True)


def pack(root: Path, archive: Path) -> None:
    """`root` as an initial RAM file system, everything owned by root."""
    names = subprocess.run(["find", ".", "-print0"], cwd=root, capture_output=True, check=True).stdout
    packed = subprocess.run(
        ["cpio", "--null", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
        cwd=root,
        input=names,
        capture_output=True,
        check=True,
    )
    archive.write_bytes(packed.stdout)


def initial(build: Path, modules: Path) -> Path:
    """The initial RAM file system: BusyBox, the modules and INIT."""
    root = build / "initial"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "sbin", "usr/bin", "usr/sbin"):
        (root / name).mkdir(parents=True)
    shutil.copy(build / "debian/usr/bin/busybox", root / "bin/busybox")
    install_modules(modules, root)
    (root / "init").write_text(INIT.format(modules=" ".join(MODULES)))
    (root / "init").chmod(0o755)
    pack(root, build / "initial.cpio")
    return build / "initial.cpio"


@dataclass(frozen=True)
class Guest:
    kernel: Path
    initrd: Path | None
    disk: Path
    """As on the Pi's card: setup, boot A/B, root A/B, data.  Copied for each machine."""
    append: str = ""


def find_or_make(build: Path) -> Guest:
    """The image of stratum1_qemu_defconfig where one has been built, else a guest of Debian's packages."""
    if OVERRIDE in os.environ:
        made = make(build / "guest")
        return Guest(made.kernel, made.initrd, Path(os.environ[OVERRIDE]) / "disk.img")
    image, kernel_image = build / "image/qemu/disk.img", build / "image/qemu/Image"
    if image.exists() and kernel_image.exists():
        return Guest(kernel_image, None, image, "root=/dev/vda5 rootfstype=squashfs ro rootwait")
    return make(build / "guest")


def make(build: Path) -> Guest:
    """An up-to-date guest below `build`; made again only when what it is made of has changed."""
    build.mkdir(parents=True, exist_ok=True)
    images, mark = build / "images", build / "made-of"
    made_of = ingredients()
    kernels = list(build.glob("kernel/boot/vmlinuz-*"))
    guest = Guest(kernels[0] if kernels else build, build / "initial.cpio", images / "disk.img")
    if kernels and mark.exists() and mark.read_text() == made_of and guest.disk.exists():
        return guest
    mark.unlink(missing_ok=True)
    apt = PrivateApt(build / "apt")
    image, modules = kernel(apt, build)
    debian, sysroot = unpack_all(apt, build)
    root = build / "root"
    say("laying the appliance over Debian's user space")
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(debian), str(root)], check=True)
    install_wheels(root, build)
    install_gpio(sysroot, root, build)
    install_application(sysroot, root, build)
    shutil.copytree(PROJECT / "overlays/rootfs", root, symlinks=True, dirs_exist_ok=True)
    finish(root)
    images.mkdir(exist_ok=True)
    squash(root, images / "rootfs.squashfs")
    lay_out(images)
    initrd = initial(build, modules)
    say(f"ready: root {(images / 'rootfs.squashfs').stat().st_size >> 20} MB")
    mark.write_text(made_of)
    return Guest(image, initrd, images / "disk.img")


def ingredients() -> str:
    """A name for all that the guest is made of here; Debian's packages stay as they were when they were fetched."""
    folders = ("app/src/stratum1", "overlays/rootfs", "board/common")
    files = [path for folder in folders for path in (PROJECT / folder).rglob("*") if path.is_file()]
    ours = [path for path in files if path.suffix not in (".so", ".pyc", ".c")]
    makers = [Path(__file__).with_name(name) for name in ("guest.py", "cross.py", "debian.py")]
    return hash_of([*ours, PROJECT / "app/setup.py", *makers])


def lay_out(images: Path) -> None:
    """The disk with its partitions, as on the card."""
    say("laying out the disk as on the card")
    for name in SETUP_FILES:
        shutil.copy(PROJECT / "board" / name, images)
    names = " ".join(Path(name).name for name in SETUP_FILES)
    disk = subprocess.run(
        ["sh", str(PROJECT / "board/common/make-disk.sh"), "disk.img", names, "README.txt"],
        env={**os.environ, "BINARIES_DIR": str(images)}, capture_output=True, text=True,
    )  # fmt: skip
    if disk.returncode != 0:
        raise SystemExit(f"the disk could not be laid out:\n{disk.stderr[-2000:]}")


def finish(root: Path) -> None:
    """What Debian's package scripts and Buildroot's last steps would have done."""
    for name in ("proc", "sys", "dev", "run", "tmp", "data", "boot", "root", "etc"):
        (root / name).mkdir(exist_ok=True)
    listed = subprocess.run(["busybox", "--list-full"], capture_output=True, text=True, check=True).stdout
    for applet in listed.split():
        link = root / "usr" / applet.removeprefix("usr/")
        if not link.exists() and not link.is_symlink():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to("/bin/busybox")
    (root / "etc/passwd").write_text(USERS)
    (root / "etc/group").write_text(GROUPS)
    (root / "etc/shadow").write_text(SHADOW)
    (root / "etc/build-date").write_text(f"{BUILT}\n")
    (root / "etc/init.d/S01syslogd").write_text(SYSLOG)
    for path in (*root.glob("etc/init.d/*"), *root.glob("usr/libexec/stratum1/*")):
        path.chmod(0o755)
    for name, target in (("python3", "python3.13"), ("python", "python3.13")):
        link = root / "usr/bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    command = root / "usr/bin/stratum1"
    command.write_text("#!/usr/bin/python3\nimport sys\n\nfrom stratum1.cli import main\n\nsys.exit(main())\n")
    command.chmod(0o755)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=PROJECT / "build", help="where everything is kept")
    try:
        find_or_make(parser.parse_args().build)
    except UnreachableError as error:
        print(f"guest: {error}", file=sys.stderr)
        return NOT_TO_BE_HAD
    return 0


if __name__ == "__main__":
    sys.exit(main())
