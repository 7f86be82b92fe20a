# SPDX-License-Identifier: MIT
"""The linear leap smear: 24 h from noon to noon UTC about the leap, for sites that want no jump at all.

What is served is UTC plus `smear_offset`.  Let L be the first instant after the leap and s = +1 for an
inserted second, -1 for a deleted one.  Of the 86400 + s true seconds from L - 12 h to L + 12 h the part
p has passed; the smeared clock is behind an unleaped one by s * p, so relative to UTC the offset is
-s * p before the leap and s * (1 - p) after it.  At noon, noon and nowhere else it is zero.
"""

from libc.stdint cimport int64_t

cdef enum:
    SMEAR_HALF_S = 43200


cdef inline int64_t smear_offset(int64_t utc_ns, bint repeated, int64_t leap_at_ns, int sign) noexcept nogil:
    """What to add to `utc_ns`, in ns; `repeated` says that this is the second pass through 23:59:59."""
    cdef int64_t second = 1000000000
    cdef int64_t half = <int64_t>SMEAR_HALF_S * second
    cdef int64_t elapsed = utc_ns - (leap_at_ns - half)
    cdef bint after = utc_ns >= leap_at_ns or repeated
    cdef int64_t behind
    if after:
        elapsed += sign * second
    if elapsed <= 0 or elapsed >= 2 * half + sign * second:
        return 0
    behind = <int64_t>(<double>elapsed / <double>(2 * SMEAR_HALF_S + sign))
    if sign > 0:
        return second - behind if after else -behind
    return behind - second if after else behind
