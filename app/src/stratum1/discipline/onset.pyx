# SPDX-License-Identifier: MIT
"""The first pulses, when neither the clock's frequency nor the width of the noise is known.

A line through the medians of all pairs (Theil 1950, Sen 1968) does not mind one wild stamp in
six, and the residuals about it tell how wide the noise is, be it 20 ns or 200 us.
"""

from libc.math cimport fabs
from libc.stdint cimport int64_t
from libc.stdlib cimport qsort

cdef enum:
    PAIRS = ONSET * (ONSET - 1) // 2

cdef double SPREAD = 2.0        # median residual to standard deviation: 1.48, and more for so few of them
cdef double SECOND_LARGEST = 1.2
cdef double LEAST_SPREAD = 5.0  # ns


cdef int _ascending(const void *a, const void *b) noexcept nogil:
    cdef double left = (<double *>a)[0]
    cdef double right = (<double *>b)[0]
    return (left > right) - (left < right)


cdef double _median(double *values, int count) noexcept nogil:
    qsort(values, count, sizeof(double), _ascending)
    return 0.5 * (values[(count - 1) // 2] + values[count // 2])


cdef class Onset:

    cdef void forget(self) noexcept:
        self.count = 0

    cdef bint add(self, int64_t stamp_ns, int64_t utc_ns) noexcept:
        """A stamp and the second taken for its own; True when there are enough."""
        if self.count < ONSET:
            self.stamps[self.count] = stamp_ns
            self.utcs[self.count] = utc_ns
            self.count += 1
        return self.count == ONSET

    cdef void fit(self, double slope, bint known) noexcept:
        """Lay the line; with its slope (ns/s) `known`, only its height."""
        cdef double offset[ONSET]
        cdef double seconds[ONSET]
        cdef double slopes[PAIRS]
        cdef double rests[ONSET]
        cdef int64_t base = self.stamps[0] - self.utcs[0]
        cdef int i, j, pairs = 0
        for i in range(ONSET):
            offset[i] = <double>(self.stamps[i] - self.utcs[i] - base)
            seconds[i] = (self.utcs[i] - self.utcs[0]) * 1e-9
        for i in range(ONSET):
            for j in range(i):
                if seconds[i] > seconds[j]:
                    slopes[pairs] = (offset[i] - offset[j]) / (seconds[i] - seconds[j])
                    pairs += 1
        self.slope = slope if known or pairs == 0 else _median(slopes, pairs)
        for i in range(ONSET):
            rests[i] = offset[i] - self.slope * seconds[i]
        self.start = _median(rests, ONSET)
        for i in range(ONSET):
            rests[i] = fabs(offset[i] - self.slope * seconds[i] - self.start)
        # By luck the median of six may be far too small; the second largest may then tell.
        self.spread = max(LEAST_SPREAD, SPREAD * _median(rests, ONSET))
        self.spread = max(self.spread, SECOND_LARGEST * rests[ONSET - 2])
