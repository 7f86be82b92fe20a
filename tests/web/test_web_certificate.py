# SPDX-License-Identifier: MIT
"""The certificate that the box makes does for browsers, the owner's own stands, and a wrong one is told in one line."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stratum1.paths import Paths
from stratum1.web import certificate
from stratum1.web.certificate import CertificateError, checked, ensure, host_name, make, read

NOW = datetime.now(UTC)


def openssl(*arguments: str, given: str = "") -> str:
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def own() -> bytes:
    """A certificate of the owner's own authority, with its key and the authority behind it."""
    return openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-keyout", "/dev/stdout",
        "-subj", "/CN=time.example.org", "-addext", "subjectAltName=DNS:time.example.org",
    ).encode()  # fmt: skip


def test_a_self_made_one_is_for_the_box_and_no_longer_than_browsers_take(tmp_path: Path) -> None:
    pem = make("clock", ["192.0.2.5", "2001:db8::5"])
    found = read(pem)
    assert found.names == ("clock.local", "clock", "192.0.2.5", "2001:DB8:0:0:0:0:0:5")
    assert found.made_for == "clock" and found.subject == found.issuer == "CN=clock.local"
    assert timedelta(days=823) < found.ends - NOW <= timedelta(days=825)
    text = openssl("x509", "-noout", "-text", given=pem.decode())
    assert "prime256v1" in text and "TLS Web Server Authentication" in text and "CA:FALSE" in text
    assert checked(pem, NOW) == found


def test_it_is_kept_where_its_owner_alone_reads_it_and_made_once(paths: Paths) -> None:
    ensure(paths.tls_certificate, "clock", [], NOW)
    first = paths.tls_certificate.read_bytes()
    assert stat.S_IMODE(paths.tls_certificate.stat().st_mode) == 0o600
    ensure(paths.tls_certificate, "clock", ["192.0.2.9"], NOW)
    assert paths.tls_certificate.read_bytes() == first


@pytest.mark.parametrize(
    ("name", "later"), [("other", timedelta()), ("clock", timedelta(days=800)), ("clock", timedelta(days=900))]
)
def test_for_another_name_and_before_its_end_it_is_made_anew(paths: Paths, name: str, later: timedelta) -> None:
    ensure(paths.tls_certificate, "clock", [], NOW)
    first = paths.tls_certificate.read_bytes()
    ensure(paths.tls_certificate, name, [], NOW + later)
    assert paths.tls_certificate.read_bytes() != first
    assert read(paths.tls_certificate.read_bytes()).made_for == name


def test_the_owners_own_is_never_replaced(paths: Paths, own: bytes) -> None:
    paths.tls_certificate.write_bytes(own)
    ensure(paths.tls_certificate, "clock", [], NOW + timedelta(days=400))
    assert paths.tls_certificate.read_bytes() == own
    assert read(own).made_for == "" and read(own).names == ("time.example.org",)


@pytest.mark.parametrize("damaged", [b"", b"Self-made for clock\n", b"-----BEGIN CERTIFICATE-----\nAAAA", b"\xff\xfe"])
def test_a_damaged_one_is_made_anew(paths: Paths, damaged: bytes) -> None:
    paths.tls_certificate.write_bytes(damaged)
    ensure(paths.tls_certificate, "clock", [], NOW)
    assert read(paths.tls_certificate.read_bytes()).made_for == "clock"


def test_where_nothing_can_be_stored_it_is_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match="No such file or directory"):
        ensure(tmp_path / "nowhere" / "tls.pem", "clock", [], NOW)


def test_without_openssl_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateError, match="apt-get install openssl"):
        make("clock", [])


def part(pem: bytes, kind: str) -> bytes:
    text = pem.decode()
    begin, end = f"-----BEGIN {kind}-----", f"-----END {kind}-----"
    return (text[text.index(begin) : text.index(end)] + end + "\n").encode()


def test_what_cannot_be_used_is_refused_in_one_line(own: bytes) -> None:
    key, shown = part(own, "PRIVATE KEY"), part(own, "CERTIFICATE")
    other = make("clock", [])
    locked = openssl("pkey", "-aes256", "-passout", "pass:secret", given=key.decode()).encode()
    small = openssl(
        "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", "/dev/stdout"
    ).encode()
    for pem, said in (
        (b"", "there is no certificate in it"),
        (b"\x30\x82\x01", "this is no PEM text"),
        (key, "there is no certificate in it"),
        (shown, "there is no key in it"),
        (part(other, "PRIVATE KEY") + shown, "refuses|the key is not that of the certificate"),
        (part(make("x", []), "PRIVATE KEY") + part(other, "CERTIFICATE"), "the key is not that of the certificate"),
        (locked + shown, "the key is encrypted"),
        (small, "the key is too small"),
        (key + shown[:-60], "openssl refuses"),
        (own + b"#" * 70_000, "too long"),
    ):
        with pytest.raises(CertificateError, match=said) as caught:
            checked(pem, NOW)
        assert "\n" not in str(caught.value)
    with pytest.raises(CertificateError, match="it has expired on"):
        checked(own, NOW + timedelta(days=31))
    assert checked(own, NOW).issuer == "CN=time.example.org"


def test_no_key_is_left_behind_by_a_check(own: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    checked(own, NOW)
    with pytest.raises(CertificateError):
        checked(part(make("x", []), "PRIVATE KEY") + part(own, "CERTIFICATE"), NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_name_is_that_of_the_machine_until_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "stratum1-ab12.lan")
    assert host_name("stratum1") == "stratum1-ab12" and host_name("clock") == "clock"
    monkeypatch.setattr(socket, "gethostname", lambda: "no_name!")
    assert host_name("stratum1") == "stratum1"


def test_only_what_is_strong_is_spoken() -> None:
    assert certificate.server_context().minimum_version == ssl.TLSVersion.TLSv1_2
