#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make an update bundle, and the key that signs it.

bundle.py public FILE            write the public key to FILE; makes the private key the first time
bundle.py make IMAGES OUT.update bundle of IMAGES/boot-a.vfat and IMAGES/rootfs.squashfs, signed

The private key lies in STRATUM1_UPDATE_KEY, or in ~/.config/stratum1/update-key.pem. A box takes only bundles that
are signed with the key whose public half was built into it: who loses the key has to flash the cards anew.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
SLOT = re.compile(rb"PARTUUID=53545231-0([56])")


class BundleError(Exception):
    """What is wrong, in one line."""


def openssl(*arguments: str | Path) -> bytes:
    try:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    except FileNotFoundError:
        raise BundleError("the program openssl is not there") from None
    if done.returncode != 0:
        raise BundleError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


def private_key() -> Path:
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    key = Path(os.environ.get("STRATUM1_UPDATE_KEY") or config / "stratum1" / "update-key.pem")
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        text = openssl("genpkey", "-algorithm", "ed25519")
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        print(f"bundle: made the key {key}; keep it, updates for this build's boxes are signed with it")
    return key


def slot_digit(boot: bytes) -> int | None:
    """Where the kernel's command line names the root slot; None when the boot part has no command line."""
    found = list(SLOT.finditer(boot))
    if len(found) > 1:
        raise BundleError("the boot part names the root slot more than once")
    return found[0].start(1) if found else None


def make(images: Path, out: Path) -> None:
    parts, files = {}, {}
    for name, file in (("boot", "boot-a.vfat"), ("root", "rootfs.squashfs")):
        try:
            content = (images / file).read_bytes()
        except OSError as error:
            raise BundleError(f"{error.filename}: {error.strerror}; `make image` builds it") from None
        parts[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        if name == "boot":
            parts[name]["slot_digit"] = slot_digit(content)
            # No name and no date inside, so that the same image gives the same bundle.
            content = gzip.compress(content, mtime=0)
        files["boot.gz" if name == "boot" else name] = content
    version = tomllib.loads((TOP / "app" / "pyproject.toml").read_text())["project"]["version"]
    board = "rpi64" if parts["boot"]["slot_digit"] is not None else "qemu"
    made = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    manifest = json.dumps(
        {"format": 1, "version": version, "board": board, "made": made, "parts": parts}, indent=1
    ).encode()
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "manifest.json")
        text.write_bytes(manifest)
        signature = openssl("pkeyutl", "-sign", "-inkey", private_key(), "-rawin", "-in", text)
    new = out.with_name(out.name + ".new")
    with tarfile.open(new, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in {"manifest.json": manifest, "manifest.sig": signature, **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), made
            archive.addfile(entry, io.BytesIO(content))
    new.replace(out)
    print(f"bundle: {out}: version {version} for {board}, {out.stat().st_size} bytes")


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["public", file]:
                Path(file).write_bytes(openssl("pkey", "-in", private_key(), "-pubout"))
            case ["make", images, out]:
                make(Path(images), Path(out))
            case _:
                print("usage: bundle.py public FILE | make IMAGES OUT.update", file=sys.stderr)
                return 2
    except (BundleError, OSError) as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
