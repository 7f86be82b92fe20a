# SPDX-License-Identifier: MIT
"""An update comes up in pieces, and what is torn, unsigned or too large gets one clear line."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from visiting import PASSWORD, said, send, token

from stratum1.paths import Paths
from stratum1.update.progress import Progress, write_progress
from stratum1.web import updating
from stratum1.web.app import create_app

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl signs and verifies")


def appliance(paths: Paths) -> Path:
    """A machine that was started from slot A of a card; the key that its maker signs with."""
    folder = paths.root / "usr/share/stratum1"
    for each in (folder, paths.root / "etc", paths.proc, paths.boot):
        each.mkdir(parents=True, exist_ok=True)
    (paths.root / "etc/os-release").write_text('ID=stratum1\nVARIANT_ID=rpi64\nVERSION_ID="1.0"\n')
    (paths.proc / "cmdline").write_text("root=PARTUUID=53545231-05 ro\n")
    (paths.boot / "autoboot.txt").write_text("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n")
    paths.children_status.write_text('{"web": {"state": "running"}}')
    key = paths.root / "maker.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / "update.pem"], check=True)
    return key


def bundle(key: Path) -> bytes:
    part = {"size": 4, "sha256": "0" * 64}
    text = json.dumps(
        {"format": 1, "version": "2.0", "board": "rpi64", "made": 1, "parts": {"boot": part, "root": part}}
    ).encode()
    manifest = key.with_name("manifest.json")
    manifest.write_bytes(text)
    seal = subprocess.run(
        ["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", manifest], check=True, capture_output=True
    ).stdout
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (
            ("manifest.json", text),
            ("manifest.sig", seal),
            ("boot.gz", b"x"),
            ("root", bytes(100_000)),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def key(paths: Paths) -> Path:
    return appliance(paths)


def put(owner: FlaskClient, offset: int, piece: bytes, total: int) -> tuple[int, dict[str, object]]:
    headers = {"X-CSRFToken": token(owner.get("/system/update").text)}
    answer = owner.put(f"/system/update/piece?offset={offset}&total={total}", data=piece, headers=headers)
    return answer.status_code, answer.get_json()


def upload(owner: FlaskClient, data: bytes) -> None:
    for offset in range(0, len(data), updating.PIECE):
        piece = data[offset : offset + updating.PIECE]
        assert put(owner, offset, piece, len(data)) == (200, {"offset": offset + len(piece)})


def test_a_good_bundle_is_taken_and_the_supervisor_told(owner: FlaskClient, paths: Paths, key: Path) -> None:
    data = bundle(key)
    upload(owner, data)
    assert paths.update_bundle.read_bytes() == data
    assert send(owner, "/system/update", password=PASSWORD).headers["Location"] == "/system/update/going"
    assert paths.order.read_text() == "update\n"


def test_a_piece_that_came_twice_or_out_of_turn_is_not_taken_twice(owner: FlaskClient, paths: Paths, key: Path) -> None:
    assert put(owner, 0, b"aaaa", 12) == (200, {"offset": 4})
    assert put(owner, 4, b"bbbb", 12) == (200, {"offset": 8})
    assert put(owner, 4, b"bbbb", 12) == (200, {"offset": 8})
    assert put(owner, 11, b"c", 12) == (200, {"offset": 8})
    assert put(owner, 8, b"ccccc", 12) == (200, {"offset": 8}), "not more than was announced"
    assert put(owner, 8, b"cccc", 12) == (200, {"offset": 12})
    assert paths.update_bundle.read_bytes() == b"aaaabbbbcccc"
    assert put(owner, 0, b"n", 1) == (200, {"offset": 1})
    assert paths.update_bundle.read_bytes() == b"n", "the first piece begins anew"


def test_what_is_torn_unsigned_or_something_else_is_refused_and_thrown_away(
    owner: FlaskClient, paths: Paths, key: Path
) -> None:
    good = bundle(key)
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key.with_name("other")], check=True)
    for data, problem in (
        (good[:60_000], "not all of it has arrived"),
        (good[:700], "update.bundle:"),
        (bundle(key.with_name("other")), "the signature is not that of this box's maker"),
        (b"PK\x03\x04" + bytes(500), "no update bundle"),
    ):
        upload(owner, data)
        answer = send(owner, "/system/update", password=PASSWORD)
        assert answer.status_code == 422 and problem in said(answer), problem
        assert not paths.update_bundle.exists() and not paths.order.exists()


def test_nothing_is_installed_without_the_password(owner: FlaskClient, paths: Paths, key: Path) -> None:
    upload(owner, bundle(key))
    assert "this is not the password" in said(send(owner, "/system/update", password="guess"))
    assert not paths.order.exists()
    stranger = create_app(paths).test_client()
    assert stranger.put("/system/update/piece?offset=0&total=1", data=b"x").status_code == 302
    assert owner.put("/system/update/piece?offset=0&total=1", data=b"x").status_code == 400, "not without the token"
    assert paths.update_bundle.stat().st_size > 1


@pytest.mark.parametrize("query", ["", "offset=0", "offset=x&total=1", "offset=-1&total=5", "offset=0&total=0x10"])
def test_a_piece_that_makes_no_sense_is_refused(owner: FlaskClient, paths: Paths, key: Path, query: str) -> None:
    headers = {"X-CSRFToken": token(owner.get("/system/update").text)}
    assert owner.put(f"/system/update/piece?{query}", data=b"x", headers=headers).status_code == 400
    assert not paths.update_bundle.exists()


def test_there_are_limits(owner: FlaskClient, paths: Paths, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, answer = put(owner, 0, b"x", updating.LARGEST + 1)
    assert code == 409 and "want at most 256 MiB" in str(answer)
    assert put(owner, 0, b"x", 0)[0] == 409
    monkeypatch.setattr(updating, "SPARE", 1 << 62)
    code, answer = put(owner, 0, b"x", 1000)
    assert code == 409 and "no room" in str(answer)
    assert not paths.update_bundle.exists()


def test_a_pc_has_no_slots_and_says_so(owner: FlaskClient, paths: Paths) -> None:
    page = said(owner.get("/system/update"))
    assert "No slots on this machine" in page and 'type="file"' not in page
    assert owner.get("/system").status_code == 200


def test_the_way_back_is_offered_when_there_is_one(owner: FlaskClient, paths: Paths, key: Path) -> None:
    assert "Go back" not in owner.get("/system/update").text
    (paths.data / "slots.json").write_text('{"B": "0.9"}')
    assert "Restarts into 0.9" in owner.get("/system/update").text
    assert send(owner, "/system/update", password=PASSWORD, what="rollback").status_code == 302
    assert paths.order.read_text() == "rollback\n"


def test_how_far_it_is_and_why_it_failed_are_told(owner: FlaskClient, paths: Paths, key: Path) -> None:
    assert owner.get("/system/update/progress").get_json() is None
    write_progress(paths, Progress("writing", 30, 120, "2.0"))
    assert owner.get("/system/update/progress").get_json()["done"] == 30
    write_progress(paths, Progress("failed", problem="root: damaged on the way"))
    assert "damaged on the way" in owner.get("/system/update").text


def test_without_a_supervisor_it_is_told(owner: FlaskClient, paths: Paths, key: Path) -> None:
    paths.children_status.unlink()
    upload(owner, bundle(key))
    assert "No supervisor runs" in said(send(owner, "/system/update", password=PASSWORD))
