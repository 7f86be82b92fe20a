# SPDX-License-Identifier: MIT
"""Symmetric keys as the answer path sees them.

Only structures and function pointers stand here, so that libcrypto is loaded by those who have keys
and by nobody else.
"""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    AUTH_THREADS = 40        # contexts of a key: one for each thread that may use it (32 workers and the main thread)
    AUTH_SECRET = 64         # longest secret, bytes
    AUTH_DIGEST = 20         # longest digest on the wire, bytes (RFC 5905 section 7.3, RFC 7822 section 7.5.1.4)


cdef struct auth_key:
    uint32_t id
    int kind                 # index into auth.KINDS
    int digest_size          # bytes on the wire
    int secret_size
    uint8_t secret[AUTH_SECRET]
    void *algorithm          # EVP_MAC or EVP_MD
    void *context[AUTH_THREADS]

# Writes the digest of `size` bytes of `data` and returns 0; -1 when libcrypto fails.
ctypedef int (*auth_digest)(auth_key *key, int thread, const uint8_t *data, size_t size, uint8_t *digest) noexcept nogil


cdef struct key_table:
    int count
    auth_key *keys           # in ascending order of id
    auth_digest digest


cdef inline auth_key *find_key(const key_table *table, uint32_t id) noexcept nogil:
    cdef int low = 0
    cdef int high = table.count
    cdef int middle
    while low < high:
        middle = (low + high) // 2
        if table.keys[middle].id < id:
            low = middle + 1
        else:
            high = middle
    if low < table.count and table.keys[low].id == id:
        return &table.keys[low]
    return NULL
