# SPDX-License-Identifier: MIT
"""What is sealed can be opened with the key alone, and one changed bit anywhere is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.sealing import SealError, seal, unseal

# Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B (AES-256).
PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
HEADER = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
CIPHER = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
CASES = [
    (bytes(32), bytes(12), b"", b"", "530f8afbc74536b9a963b4f1c4cb738b"),
    (bytes(32), bytes(12), bytes(16), b"", "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"),
    (KEY, NONCE, PLAIN, b"", CIPHER + "b094dac5d93471bdec1a502270e3cc6c"),
    (KEY, NONCE, PLAIN[:60], HEADER, CIPHER[:120] + "76fc6ece0f4e1768cddf8853bb2d551b"),
]


@pytest.mark.parametrize(("key", "nonce", "plain", "header", "sealed"), CASES)
def test_the_known_answers(key: bytes, nonce: bytes, plain: bytes, header: bytes, sealed: str) -> None:
    assert seal(key, nonce, plain, header).hex() == sealed
    assert unseal(key, nonce, bytes.fromhex(sealed), header) == plain


@given(plain=st.binary(max_size=100), header=st.binary(max_size=20), data=st.data())
def test_one_changed_bit_is_noticed(plain: bytes, header: bytes, data: st.DataObject) -> None:
    sealed = seal(KEY, NONCE, plain, header)
    assert unseal(KEY, NONCE, sealed, header) == plain
    whole = header + sealed
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    bad = bytearray(whole)
    bad[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SealError):
        unseal(KEY, NONCE, bytes(bad[len(header) :]), bytes(bad[: len(header)]))
    with pytest.raises(SealError):
        unseal(bytes([KEY[0] ^ 1]) + KEY[1:], NONCE, sealed, header)


@pytest.mark.parametrize("size", range(16))
def test_a_torn_one_is_noticed(size: int) -> None:
    with pytest.raises(SealError):
        unseal(KEY, NONCE, seal(KEY, NONCE, b"")[:size])


@pytest.mark.parametrize(("key", "nonce"), [(b"", NONCE), (KEY[:16], NONCE), (KEY, b""), (KEY, NONCE + b"1")])
def test_keys_and_nonces_have_one_length(key: bytes, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="want a key of 32 and a nonce of 12 bytes"):
        seal(key, nonce, b"x")
