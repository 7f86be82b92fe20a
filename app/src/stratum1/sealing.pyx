# SPDX-License-Identifier: MIT
"""Authenticated encryption: AES-256-GCM (NIST SP 800-38D) by OpenSSL's libcrypto."""

from libc.stdint cimport uint8_t

cdef extern from "<openssl/evp.h>" nogil:
    ctypedef struct EVP_CIPHER:
        pass
    ctypedef struct EVP_CIPHER_CTX:
        pass
    ctypedef struct ENGINE:
        pass
    enum:
        EVP_CTRL_AEAD_GET_TAG
        EVP_CTRL_AEAD_SET_TAG
    const EVP_CIPHER *EVP_aes_256_gcm()
    EVP_CIPHER_CTX *EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int what, int size, void *data)
    int EVP_CipherInit_ex(
        EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const uint8_t *key, const uint8_t *nonce,
        int encrypt
    )
    int EVP_CipherUpdate(EVP_CIPHER_CTX *context, uint8_t *out, int *written, const uint8_t *data, int size)
    int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, uint8_t *out, int *written)

KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16

cdef enum:
    TAG = 16
    LARGEST = 1 << 30   # libcrypto counts in int


class SealError(Exception):
    """Key, header or content is not what was sealed; which of them cannot be told."""


def seal(const uint8_t[::1] key not None, const uint8_t[::1] nonce not None, bytes data not None, bytes header=b""):
    """`data` encrypted, with a tag of 16 bytes behind it that also vouches for `header`.

    A nonce must never be used twice with one key.  ValueError for a key that is not 32 bytes or a nonce not 12 bytes long.
    """
    out = bytearray(len(data) + TAG)
    _run(key, nonce, data, len(data), header, out, True)
    return bytes(out)


def unseal(const uint8_t[::1] key not None, const uint8_t[::1] nonce not None, bytes sealed not None, bytes header=b""):
    """What was sealed; SealError unless every bit of `sealed` and `header` and the key are as they were."""
    if len(sealed) < TAG:
        raise SealError("too short")
    out = bytearray(len(sealed))
    _run(key, nonce, sealed, len(sealed) - TAG, header, out, False)
    return bytes(out[: len(sealed) - TAG])


cdef _run(
    const uint8_t[::1] key, const uint8_t[::1] nonce, bytes data, Py_ssize_t size, bytes header, bytearray out, bint encrypt
):
    """Encrypt or decrypt `size` bytes of `data` into `out`; the tag is behind them in `out` or in `data`."""
    cdef int written = 0
    cdef int good = 1
    cdef const uint8_t *source = data
    cdef const uint8_t *about = header
    cdef uint8_t *target = out
    if key.shape[0] != KEY_SIZE or nonce.shape[0] != NONCE_SIZE:
        raise ValueError(f"want a key of {KEY_SIZE} and a nonce of {NONCE_SIZE} bytes")
    if size > LARGEST or len(header) > LARGEST:
        raise ValueError("too long to be sealed at once")
    cdef EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new()
    if context == NULL:
        raise MemoryError()
    try:
        good &= EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, &key[0], &nonce[0], encrypt)
        if header:
            good &= EVP_CipherUpdate(context, NULL, &written, about, <int>len(header))
        if size:
            good &= EVP_CipherUpdate(context, target, &written, source, <int>size)
        if not encrypt:
            good &= EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, <void *>(source + size))
        good &= EVP_CipherFinal_ex(context, target + size, &written)
        if encrypt:
            good &= EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, target + size)
    finally:
        EVP_CIPHER_CTX_free(context)
    if good != 1:
        raise SealError("the key or the content is wrong")
