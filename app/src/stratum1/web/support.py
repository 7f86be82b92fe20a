# SPDX-License-Identifier: MIT
"""The support bundle: one ZIP file with all that helps to find a fault, and no secret in it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

import stratum1
from stratum1.network import own_addresses
from stratum1.ntp.keyfile import KeyFileError
from stratum1.ntp.keyfile import read as read_keys
from stratum1.paths import Paths
from stratum1.settings import Settings, text
from stratum1.web import clients, logs, selftest
from stratum1.web.box import Box
from stratum1.web.login import Guard

LIBRARIES = ("flask", "werkzeug", "waitress", "wtforms", "flask-wtf", "argon2-cffi", "luma.oled", "gpsd-py3", "cython")
KERNEL_LARGEST = 262_144
SHORTEST_SECRET = 4
"""A secret that is shorter would blank out half of the text, and is none."""
BLANK = b"(secret)"


def secrets_of(paths: Paths, settings: Settings) -> set[bytes]:
    """Every secret of the box, in each form in which it may have been written down."""
    found: set[bytes] = set()
    for section in dataclasses.fields(settings):
        values = getattr(settings, section.name)
        for item in dataclasses.fields(values):
            value = getattr(values, item.name)
            if item.metadata["secret"] and isinstance(value, str):
                found |= {value.encode(), json.dumps(value)[1:-1].encode()}
    named = Path(settings.ntp.keys) if settings.ntp.keys else paths.ntp_keys
    try:
        for key in read_keys(named, md5=True):
            found |= {key.secret, key.secret.hex().encode(), key.secret.hex().upper().encode()}
    except KeyFileError:
        pass
    keys, pem = _content(named), _content(paths.tls_certificate)
    found |= {line.split()[2] for line in keys.splitlines() if len(line.partition(b"#")[0].split()) == 3}
    for block in re.findall(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", pem, re.DOTALL):
        found |= set(block.split())
    found |= {each.encode() for each in re.findall(r"[0-9a-f]{64}", _content(paths.api_tokens).decode("latin-1"))}
    signing = _content(paths.web_secret)
    found |= {_content(paths.web_password).strip(), signing, signing.hex().encode()}
    return {each for each in found if len(each) >= SHORTEST_SECRET}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def scrub(content: bytes, secrets: set[bytes]) -> bytes:
    """`content` without any of `secrets`; the longest go first, that none is left in part."""
    for each in sorted(secrets, key=len, reverse=True):
        content = content.replace(each, BLANK)
    return content


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ").partition("\n")[0]
    except OSError:
        return ""


def machine(paths: Paths) -> dict[str, Any]:
    """The box and what runs on it, as far as a person asks."""
    return {
        "stratum1": stratum1.__version__,
        "python": sys.version,
        "kernel": " ".join(os.uname()[::2]),
        "machine": platform.machine(),
        "board": _first_line(paths.proc / "device-tree" / "model"),
        "command_line": _first_line(paths.proc / "cmdline"),
        "uptime_s": _first_line(paths.proc / "uptime").partition(" ")[0],
        "kernel_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "addresses": [f"{each.interface} {each.text}" for each in own_addresses()],
    }


def libraries() -> dict[str, str | None]:
    """Versions of what others made; None for what is not there.

    They stand in the names of folders, NAME-VERSION.dist-info; importlib.metadata would cost 1 MB of memory for good.
    """
    there: dict[str, str] = {}
    for folder in sys.path:
        for path in Path(folder).glob("*.dist-info"):
            name, _, version = path.stem.partition("-")
            there.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return {name: there.get(re.sub(r"[-_.]+", "-", name)) for name in LIBRARIES}


def kernel_lines(device: Path) -> str:
    """The kernel's own messages; why not, where they are kept from the page."""
    try:
        fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return f"{device}: {error.strerror}\n"
    found, size = [], 0
    try:
        while size < KERNEL_LARGEST:
            # One record for each read: priority,number,microseconds,flags;text (the kernel's dev-kmsg).
            head, _, said = os.read(fd, 8192).partition(b";")
            if not said:
                break
            line = f"[{int(head.split(b',')[2]) / 1e6:12.6f}] {said.splitlines()[0].decode('utf-8', 'replace')}"
            found.append(line)
            size += len(line)
    except (OSError, ValueError, IndexError):
        pass  # all is read, or the oldest was overwritten meanwhile
    finally:
        os.close(fd)
    return "\n".join(found) + "\n"


def contents(box: Box) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file, secrets and all."""

    def plain(value: object) -> bytes:
        return json.dumps(value, indent=1, default=str).encode()

    counters = box.counters.read()
    yield "about.json", plain({**machine(box.paths), "libraries": libraries()})
    yield "settings.toml", text(box.settings.without_secrets()).encode()
    yield "status.json", plain(box.status().as_dict())
    yield "traffic.json", plain(clients.as_dict(counters) if counters else None)
    yield "self-test.json", plain([dataclasses.asdict(each) for each in selftest.verdicts(box)])
    yield "events.json", plain([str(each) for each in box.history.events(512)])
    # What the processes tell each other: receiver, how it was found, children, upstream servers, update.
    for path in sorted(box.paths.run.glob("*.json")):
        yield f"run/{path.name}", logs.tail(path).encode()
    for path in (logs.older(box.paths.log), box.paths.log):
        yield f"log/{path.name}", logs.tail(path).encode()
    yield "log/system", logs.tail(box.paths.system_log).encode()
    yield "log/kernel", kernel_lines(box.paths.dev / "kmsg").encode()


def bundle(box: Box) -> bytes:
    import zipfile

    secrets = secrets_of(box.paths, box.settings)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents(box):
            archive.writestr(name, scrub(content, secrets))
    return packed.getvalue()


def room(box: Box, guard: Guard) -> Blueprint:
    rooms = Blueprint("support", __name__)

    @rooms.get("/system/support")
    @guard.only_known
    def view() -> Response:
        answer = Response(bundle(box), mimetype="application/zip")
        name = f"{box.settings.system.name}-support-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.zip"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    return rooms
