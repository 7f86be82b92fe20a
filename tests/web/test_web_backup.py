# SPDX-License-Identifier: MIT
"""One file brings the box back, nobody reads it without the passphrase, and a bad one changes nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st
from visiting import PASSWORD, said, send, token
from werkzeug.test import TestResponse

from stratum1.ntp.keyfile import add_key
from stratum1.paths import Paths
from stratum1.settings import Settings, load, save
from stratum1.web import backup, certificate
from stratum1.web.app import create_app
from stratum1.web.backup import MAGIC, BackupError, make, places, put_back, read
from stratum1.web.tokens import Tokens

PHRASE = "seven green bottles"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "TIME_COST", 1)
    monkeypatch.setattr(backup, "MEMORY_KIB", 8)


@pytest.fixture
def full(paths: Paths) -> Settings:
    """A box with something of everything."""
    settings = Settings().changed("ntp.port", 11123).changed("system.name", "clock")
    save(paths.settings, settings)
    add_key(paths.ntp_keys)
    Tokens(paths.api_tokens).make("Grafana", "read")
    paths.web_password.write_bytes(b"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA")
    paths.tls_certificate.write_bytes(certificate.make("clock", []))
    return settings


def contents(paths: Paths) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in places(paths).items() if path.exists()}


def test_everything_comes_back_on_a_new_box(paths: Paths, full: Settings, tmp_path: Path) -> None:
    data = make(paths, full, PHRASE, "2026-11-22 16:00 UTC")
    found = read(data, PHRASE, Settings())
    assert found.settings == full and found.made == "2026-11-22 16:00 UTC"
    new = Paths(root=tmp_path, run=tmp_path, data=tmp_path / "new")
    new.data.mkdir()
    put_back(new, found)
    assert contents(new) == contents(paths) and set(contents(new)) == set(places(paths))
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in new.data.iterdir())


def test_no_two_are_alike_and_nothing_of_it_can_be_read(paths: Paths, full: Settings) -> None:
    one, other = make(paths, full, PHRASE, "now"), make(paths, full, PHRASE, "now")
    assert one.partition(b"\n")[2][:64] != other.partition(b"\n")[2][:64]
    for secret in (b"11123", b"clock", b"argon2id$", b"PRIVATE", paths.ntp_keys.read_bytes().split()[-1]):
        assert secret not in one


def test_the_key_is_argon2id_as_rfc_9106_has_it() -> None:
    # From the tests of the reference implementation (phc-winner-argon2, test.c, argon2id, version 0x13).
    known = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert backup._key("password", b"somesalt", 2, 65_536).hex() == known


def test_a_wrong_passphrase_is_one_clear_line(paths: Paths, full: Settings) -> None:
    data = make(paths, full, PHRASE, "")
    for wrong in ("", PHRASE + " ", PHRASE.upper()):
        with pytest.raises(BackupError, match=r"^wrong passphrase, or the file is torn or damaged$"):
            read(data, wrong, Settings())


@given(data=st.data())
@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_or_changed_file_is_never_taken(paths: Paths, full: Settings, data: st.DataObject) -> None:
    whole = make(paths, full, PHRASE, "")
    torn = whole[: data.draw(st.integers(len(MAGIC), len(whole) - 1))]
    with pytest.raises(BackupError):
        read(torn, PHRASE, Settings())
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = bytearray(whole)
    bad[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BackupError):
        read(bytes(bad), PHRASE, Settings())


@pytest.mark.parametrize(
    "head",
    [
        b"{}",
        b"[]",
        b"[" * 50_000,
        b'{"version": 2, "kdf": "argon2id"}',
        b'{"version": 1, "kdf": "argon2id", "salt": "00", "nonce": "00", "time": 1, "memory_kib": 8}',
        json.dumps(
            {"version": 1, "kdf": "argon2id", "salt": "00" * 16, "nonce": "00" * 12, "time": 1, "memory_kib": 1 << 30}
        ).encode(),
    ],
)
def test_a_file_made_to_hurt_is_refused_before_any_work(head: bytes) -> None:
    with pytest.raises(BackupError, match=r"beginning of the file is damaged|newer version"):
        read(MAGIC + head + b"\n" + bytes(100), PHRASE, Settings())


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("../../etc/passwd", b"x", "unknown"),
        ("ntp.keys", b"1 AES128 short", "bytes of key"),
        ("tls.pem", b"x", "no certificate"),
        ("api-tokens.json", b"{}", "not a list of tokens"),
        ("web-password", b"plain", "not a password's hash"),
    ],
)
def test_every_part_is_checked_before_any_is_stored(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, problem: str
) -> None:
    (paths.data / "bad").write_bytes(content)
    monkeypatch.setattr(backup, "places", lambda _: {name: paths.data / "bad"})
    with pytest.raises(BackupError, match=problem):
        read(make(paths, Settings(), PHRASE, ""), PHRASE, Settings())


def restore(owner: FlaskClient, content: bytes, phrase: str = PHRASE, password: str = PASSWORD) -> TestResponse:
    file = (io.BytesIO(content), "mine.stratum1-backup")
    return send(owner, "/system/backup", "/system/restore", file=file, passphrase=phrase, password=password)


def test_what_was_backed_up_on_the_page_can_be_restored(owner: FlaskClient, paths: Paths) -> None:
    box = owner.application.extensions["box"]
    save(paths.settings, Settings().changed("ntp.allow", ["local", "10.0.0.0/8"]))
    box.reload()
    key = add_key(paths.ntp_keys)
    kept = send(owner, "/system/backup", passphrase=PHRASE, again=PHRASE)
    assert kept.status_code == 200 and kept.mimetype == "application/octet-stream"
    assert "attachment" in kept.headers["Content-Disposition"]
    save(paths.settings, Settings())
    box.reload()
    paths.ntp_keys.unlink()
    answer = restore(owner, kept.data)
    assert answer.headers["Location"] == "/system"
    assert load(paths.settings).settings.ntp.allow == ("local", "10.0.0.0/8")
    assert key in paths.ntp_keys.read_text()
    assert owner.get("/system").status_code == 200, "who restored is still logged in"


@pytest.mark.parametrize(
    ("phrase", "again", "problem"),
    [
        ("short", "short", "at least 10"),
        (PHRASE, "other", "is not the same"),
        ("stratum1stratum1", "", "easy to guess"),
    ],
)
def test_a_weak_passphrase_makes_no_file(owner: FlaskClient, phrase: str, again: str, problem: str) -> None:
    answer = send(owner, "/system/backup", passphrase=phrase, again=again)
    assert answer.status_code == 422 and problem in said(answer)


def test_a_bad_restore_tells_why_and_changes_nothing(owner: FlaskClient, paths: Paths) -> None:
    kept = send(owner, "/system/backup", passphrase=PHRASE, again=PHRASE).data
    before = {path.name: path.read_bytes() for path in paths.data.iterdir()}
    for answer, problem in (
        (restore(owner, kept, phrase="another one"), "wrong passphrase"),
        (restore(owner, kept, password="not mine"), "this is not the password"),
        (restore(owner, kept[:-3]), "torn or damaged"),
        (restore(owner, b""), "choose a file that is not empty"),
        (restore(owner, b" \n"), "choose a file that is not empty"),
        (restore(owner, b"[ntp]\nport = 99999\n"), "ntp.port: 99999 is too large"),
        (restore(owner, b"[nothing]\n"), "nothing: unknown section"),
        (restore(owner, b"\xff\xfe"), "not valid TOML"),
        (restore(owner, b"version = 99\n"), "version: 99 is unknown"),
        (restore(owner, b"[" * 5000), "not valid TOML"),
    ):
        assert answer.status_code == 422 and problem in said(answer), problem
    assert {path.name: path.read_bytes() for path in paths.data.iterdir()} == before


def test_a_settings_file_in_plain_text_does_too(owner: FlaskClient, paths: Paths) -> None:
    add_key(paths.ntp_keys)
    keys = paths.ntp_keys.read_bytes()
    assert restore(owner, b"[ntp]\nport = 124\n", phrase="").status_code == 302
    assert load(paths.settings).settings.ntp.port == 124 and paths.ntp_keys.read_bytes() == keys


def test_an_upload_has_a_limit(owner: FlaskClient) -> None:
    assert restore(owner, b"#" * (backup.LARGEST + 20_000)).status_code == 413
    assert (
        owner.post("/system/restore", data={"csrf_token": token(owner.get("/system/backup").text)}).status_code == 422
    )


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_upload_leaves_a_bad_file(owner: FlaskClient, paths: Paths, content: bytes) -> None:
    assert restore(owner, content).status_code in (302, 422)
    assert load(paths.settings).problem == ""


def test_strangers_neither_back_up_nor_restore(owner: FlaskClient, paths: Paths) -> None:
    stranger = create_app(paths).test_client()
    assert stranger.get("/system/backup").headers["Location"] == "/login"
    for path in ("/system/backup", "/system/restore"):
        assert stranger.post(path, data={}).headers["Location"] == "/login"
