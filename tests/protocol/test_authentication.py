# SPDX-License-Identifier: MIT
"""Symmetric keys: what is accepted, what is dropped, and the key file's form."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from responding import Server
from wire import Packet, extension

from stratum1.ntp.auth import Keys
from stratum1.ntp.keyfile import KINDS, Key, KeyFileError, add_key, parse, read
from stratum1.ntp.verdicts import Verdict

SECRET = bytes(range(16))
KEYS = [
    Key(1, "AES128", SECRET),
    Key(2, "SHA1", b"a rather good secret"),
    Key(3, "AES256", SECRET * 2),
    Key(4, "SHA256", b"x"),
    Key(5, "MD5", b"old"),
    Key(70000, "SHA512", b"y" * 64),
]
ASK = Packet(transmit=0x0123456789ABCDEF)


def keyed_digest(kind: str, secret: bytes, data: bytes) -> bytes:
    return hashlib.new(kind, secret + data, usedforsecurity=False).digest()[:20]


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys(KEYS)


@pytest.mark.parametrize(
    ("message", "mac"),
    [
        ("", "bb1d6929e95937287fa37d129b756746"),
        ("6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c"),
        (
            (
                "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
            ),
            "51f0bebf7e3b9d92fc49741779363cfe",
        ),
    ],
)
def test_aes_cmac_gives_the_vectors_of_rfc_4493(message: str, mac: str) -> None:
    key = Key(9, "AES128", bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    assert Keys([key]).mac(9, bytes.fromhex(message)) == (9).to_bytes(4, "big") + bytes.fromhex(mac)


@pytest.mark.parametrize("key", KEYS[1:2] + KEYS[3:], ids=lambda key: key.kind)
def test_a_digest_is_over_key_and_packet_and_at_most_20_bytes(keys: Keys, key: Key) -> None:
    data = ASK.pack()
    assert keys.mac(key.id, data) == key.id.to_bytes(4, "big") + keyed_digest(key.kind, key.secret, data)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.kind)
@pytest.mark.parametrize("version", [3, 4])
def test_a_right_mac_is_answered_with_the_same_key(keys: Keys, key: Key, version: int) -> None:
    asked = Packet(version=version, transmit=5).pack()
    asked += keys.mac(key.id, asked)
    server = Server(keys=keys)
    for _ in range(3):
        outcome = server.ask(asked)
        assert outcome.verdict is Verdict.ANSWER
        assert outcome.data is not None and len(outcome.data) == len(asked)
        assert outcome.data[48:] == keys.mac(key.id, outcome.data[:48])


def test_the_mac_covers_extension_fields(keys: Keys) -> None:
    asked = ASK.pack() + extension(0x2104, 16)
    server = Server(keys=keys)
    assert server.ask(asked + keys.mac(1, asked)).verdict is Verdict.ANSWER
    assert server.ask(asked + keys.mac(1, ASK.pack())).verdict is Verdict.DIGEST


@given(at=st.integers(0, 48 + 19), bit=st.integers(0, 7))
def test_one_wrong_bit_anywhere_is_not_answered(at: int, bit: int) -> None:
    keys = Keys(KEYS[:1])
    asked = bytearray(ASK.pack() + keys.mac(1, ASK.pack()))
    asked[at] ^= 1 << bit
    outcome = Server(keys=keys).ask(bytes(asked))
    assert (outcome.data is None and not outcome.verdict.answered) or outcome.verdict is Verdict.CONTROL


def test_a_digest_of_another_kind_s_length_is_wrong(keys: Keys) -> None:
    asked = ASK.pack()
    assert Server(keys=keys).ask(asked + keys.mac(2, asked)[:20]).verdict is Verdict.DIGEST
    assert Server(keys=keys).ask(asked + keys.mac(1, asked) + b"\0" * 4).verdict is Verdict.DIGEST


def test_unknown_keys_are_dropped_and_plain_requests_are_served_beside_them(keys: Keys) -> None:
    server = Server(keys=keys)
    assert server.ask(ASK.pack() + b"\0\0\0\x63" + b"\0" * 16).verdict is Verdict.KEY
    outcome = server.ask(ASK.pack())
    assert outcome.data is not None and len(outcome.data) == 48


@pytest.mark.parametrize(("key", "verdict"), [(99, Verdict.NAK), (1, Verdict.NAK)])
def test_a_crypto_nak_is_a_setting(keys: Keys, key: int, verdict: Verdict) -> None:
    outcome = Server(keys=keys, crypto_nak=True).ask(ASK.pack() + key.to_bytes(4, "big") + b"\0" * 16)
    assert outcome.verdict is verdict
    assert outcome.data is not None and outcome.data[48:] == b"\0\0\0\0"


def test_other_keys_after_a_reload(keys: Keys) -> None:
    from stratum1.ntp.access import Policy

    server = Server(keys=keys)
    asked = ASK.pack() + keys.mac(1, ASK.pack())
    assert server.ask(asked).verdict is Verdict.ANSWER
    server.answerer.use(Policy(keys=Keys(KEYS[1:])))
    assert server.ask(asked).verdict is Verdict.KEY


FILE = """\
# keys of the house
1 AES128 HEX:000102030405060708090A0B0C0D0E0F
2 SHA1 secret           # text
3 aes 000102030405060708090a0b0c0d0e0f
4 SHA1 ASCII:0123456789abcdef0123456789
5 AES-128-CMAC sixteen bytes--
6 SHA 0123456789abcdef0123456789abcdef01234567
"""


def test_the_forms_of_ntpd_and_chrony() -> None:
    got = {key.id: (key.kind, key.secret) for key in parse(FILE.replace("sixteen bytes--", "sixteen_bytes---"), "keys")}
    assert got == {
        1: ("AES128", SECRET),
        2: ("SHA1", b"secret"),
        3: ("AES128", SECRET),
        4: ("SHA1", b"0123456789abcdef0123456789"),
        5: ("AES128", b"sixteen_bytes---"),
        6: ("SHA1", bytes.fromhex("0123456789abcdef0123456789abcdef01234567")),
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 AES128", "2 words"),
        ("1 AES128 HEX:00 10.0.0.0/8", "4 words"),
        ("0 SHA1 x", "key number"),
        ("x SHA1 x", "key number"),
        ("4294967296 SHA1 x", "key number"),
        ("1 DES x", "'DES' is unknown"),
        ("1 MD5 x", "MD5 is switched off"),
        ("1 AES128 HEX:0001", "wants 16"),
        ("1 AES128 HEX:zz", "not hexadecimal"),
        (f"1 SHA1 {'y' * 65}", "65 bytes"),
        ("1 SHA1 x\n1 SHA1 y", "line 2: key 1 is there twice"),
    ],
)
def test_a_bad_line_is_named(line: str, problem: str) -> None:
    with pytest.raises(KeyFileError, match=problem) as caught:
        parse(line, "keys")
    assert str(caught.value).startswith("keys, line ")


def test_md5_when_it_is_switched_on() -> None:
    assert parse("1 M x", "keys", md5=True) == [Key(1, "MD5", b"x")]


def test_a_made_key_is_shown_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "ntp.keys"
    lines = [add_key(path), add_key(path), add_key(path, "SHA1")]
    assert [key.id for key in read(path)] == [1, 2, 3]
    assert read(path) == parse("\n".join(lines), "shown")
    assert len({key.secret for key in read(path)}) == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_is_not_in_what_is_logged() -> None:
    assert "secret" not in repr(Key(1, "SHA1", b"secret")).replace("secret=", "")


def test_no_file_is_no_keys(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []
    (tmp_path / "binary").write_bytes(b"\xff\xfe\0")
    with pytest.raises(KeyFileError, match="not a text file"):
        read(tmp_path / "binary")


def test_the_two_cmacs_come_first() -> None:
    """auth.pyx tells a CMAC by its place."""
    assert [kind for kind in KINDS if kind.startswith("AES")] == list(KINDS)[:2]
