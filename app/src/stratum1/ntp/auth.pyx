# SPDX-License-Identifier: MIT
"""Symmetric keys: AES-CMAC (RFC 8573) and keyed digests, by OpenSSL's libcrypto.

A digest is over key and packet (RFC 5905 section 7.3), cut to 20 bytes where it is longer.  Each key has a context for
each thread, made at its first use and kept, so that answering allocates nothing.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

from stratum1.ntp.auth cimport AUTH_DIGEST, AUTH_SECRET, AUTH_THREADS, auth_key, key_table

from stratum1.ntp.keyfile import KINDS, KeyFileError

cdef extern from "<openssl/evp.h>" nogil:
    ctypedef struct EVP_MAC:
        pass
    ctypedef struct EVP_MAC_CTX:
        pass
    ctypedef struct EVP_MD:
        pass
    ctypedef struct EVP_MD_CTX:
        pass
    ctypedef struct ENGINE:
        pass
    EVP_MAC *EVP_MAC_fetch(void *library, const char *algorithm, const char *properties)
    void EVP_MAC_free(EVP_MAC *mac)
    EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *mac)
    void EVP_MAC_CTX_free(EVP_MAC_CTX *context)
    int EVP_MAC_init(EVP_MAC_CTX *context, const uint8_t *key, size_t size, const OSSL_PARAM *parameters)
    int EVP_MAC_update(EVP_MAC_CTX *context, const uint8_t *data, size_t size)
    int EVP_MAC_final(EVP_MAC_CTX *context, uint8_t *out, size_t *size, size_t room)
    EVP_MD *EVP_MD_fetch(void *library, const char *algorithm, const char *properties)
    void EVP_MD_free(EVP_MD *md)
    EVP_MD_CTX *EVP_MD_CTX_new()
    void EVP_MD_CTX_free(EVP_MD_CTX *context)
    int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *md, ENGINE *engine)
    int EVP_DigestUpdate(EVP_MD_CTX *context, const void *data, size_t size)
    int EVP_DigestFinal_ex(EVP_MD_CTX *context, uint8_t *out, unsigned int *size)
    void OPENSSL_cleanse(void *data, size_t size)

cdef extern from "<openssl/crypto.h>" nogil:
    enum: OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS
    int OPENSSL_init_crypto(uint64_t options, const void *settings)

cdef extern from "<openssl/params.h>" nogil:
    ctypedef struct OSSL_PARAM:
        pass
    OSSL_PARAM OSSL_PARAM_construct_utf8_string(const char *key, char *value, size_t size)
    OSSL_PARAM OSSL_PARAM_construct_end()

cdef enum:
    ROOM = 64        # the longest digest of libcrypto, bytes


# Half a megabyte of messages that nobody here would read.
OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL)


cdef bint _is_cmac(const auth_key *key) noexcept nogil:
    return key.kind < 2


cdef int _cmac_context(auth_key *key, int thread) noexcept nogil:
    cdef OSSL_PARAM parameters[2]
    cdef EVP_MAC_CTX *context = EVP_MAC_CTX_new(<EVP_MAC *>key.algorithm)
    if context == NULL:
        return -1
    parameters[0] = OSSL_PARAM_construct_utf8_string(b"cipher", b"AES-128-CBC" if key.kind == 0 else b"AES-256-CBC", 0)
    parameters[1] = OSSL_PARAM_construct_end()
    if EVP_MAC_init(context, key.secret, key.secret_size, parameters) != 1:
        EVP_MAC_CTX_free(context)
        return -1
    key.context[thread] = context
    return 0


cdef int digest(auth_key *key, int thread, const uint8_t *data, size_t size, uint8_t *out) noexcept nogil:
    """Writes key.digest_size bytes; 0, or -1 when libcrypto fails."""
    cdef uint8_t whole[ROOM]
    cdef size_t written = 0
    cdef EVP_MAC_CTX *mac
    cdef EVP_MD_CTX *md
    if thread < 0 or thread >= AUTH_THREADS:
        return -1
    if _is_cmac(key):
        if key.context[thread] == NULL and _cmac_context(key, thread) != 0:
            return -1
        mac = <EVP_MAC_CTX *>key.context[thread]
        # Without a key: the key schedule of the first time stays.
        if EVP_MAC_init(mac, NULL, 0, NULL) != 1 or EVP_MAC_update(mac, data, size) != 1:
            return -1
        if EVP_MAC_final(mac, whole, &written, ROOM) != 1:
            return -1
    else:
        if key.context[thread] == NULL:
            key.context[thread] = EVP_MD_CTX_new()
            if key.context[thread] == NULL:
                return -1
        md = <EVP_MD_CTX *>key.context[thread]
        if EVP_DigestInit_ex(md, <EVP_MD *>key.algorithm, NULL) != 1:
            return -1
        if EVP_DigestUpdate(md, key.secret, key.secret_size) != 1 or EVP_DigestUpdate(md, data, size) != 1:
            return -1
        if EVP_DigestFinal_ex(md, whole, NULL) != 1:
            return -1
    memcpy(out, whole, key.digest_size)
    return 0


cdef class Keys:
    """The keys that are accepted, ready for the answer path; made once and never changed.

    KeyFileError when libcrypto has no such algorithm (MD5 in a FIPS build, say).
    """

    cdef key_table _table
    cdef int _made

    def __cinit__(self, keys):
        cdef auth_key *place
        chosen = sorted(keys, key=lambda key: key.id)
        self._table.digest = digest
        self._table.keys = <auth_key *>PyMem_Calloc(max(1, len(chosen)), sizeof(auth_key))
        if self._table.keys == NULL:
            raise MemoryError
        for key in chosen:
            place = &self._table.keys[self._made]
            if len(key.secret) > AUTH_SECRET:
                raise KeyFileError(f"key {key.id}: longer than {AUTH_SECRET} bytes")
            place.id = key.id
            place.kind = list(KINDS).index(key.kind)
            place.digest_size = min(KINDS[key.kind].digest_size, AUTH_DIGEST)
            place.secret_size = len(key.secret)
            memcpy(place.secret, <const char *>key.secret, len(key.secret))
            if _is_cmac(place):
                place.algorithm = EVP_MAC_fetch(NULL, b"CMAC", NULL)
            else:
                place.algorithm = EVP_MD_fetch(NULL, <bytes>KINDS[key.kind].algorithm.encode(), NULL)
            self._made += 1
            if place.algorithm == NULL:
                raise KeyFileError(f"key {key.id}: libcrypto of this machine has no {key.kind}")
        self._table.count = self._made

    def __dealloc__(self):
        cdef auth_key *place
        cdef int i, thread
        for i in range(self._made):
            place = &self._table.keys[i]
            for thread in range(AUTH_THREADS):
                if place.context[thread] != NULL:
                    if _is_cmac(place):
                        EVP_MAC_CTX_free(<EVP_MAC_CTX *>place.context[thread])
                    else:
                        EVP_MD_CTX_free(<EVP_MD_CTX *>place.context[thread])
            if place.algorithm != NULL:
                if _is_cmac(place):
                    EVP_MAC_free(<EVP_MAC *>place.algorithm)
                else:
                    EVP_MD_free(<EVP_MD *>place.algorithm)
            OPENSSL_cleanse(place, sizeof(auth_key))
        PyMem_Free(self._table.keys)

    def __len__(self):
        return self._table.count

    @property
    def table(self):
        """The C structure, for access.Policy, which keeps this object alive as long as it uses it."""
        return PyCapsule_New(&self._table, b"stratum1.ntp.key_table", NULL)

    def mac(self, int key_id, bytes data) -> bytes:
        """The MAC of `data` with its key id in front, as it stands behind a packet; KeyError for a key that is not here.

        Not to be called beside a running worker: it uses the last thread's context.
        """
        cdef uint8_t out[AUTH_DIGEST]
        cdef int i
        for i in range(self._table.count):
            if self._table.keys[i].id == <unsigned int>key_id:
                memset(out, 0, sizeof(out))
                if digest(&self._table.keys[i], AUTH_THREADS - 1, data, len(data), out) != 0:
                    raise RuntimeError("libcrypto failed")
                return key_id.to_bytes(4, "big") + (<const char *>out)[:self._table.keys[i].digest_size]
        raise KeyError(key_id)
