# SPDX-License-Identifier: MIT
"""How noisy the pulses are, and which of them are not to be believed."""

from libc.math cimport fabs, sqrt

cdef double FIRST = 1e6         # ns^2: 1 us until learned
cdef double LEAST = 9.0         # ns^2: kernel stamps are no better
cdef double MOST = 1e10
cdef int MEMORY = 500


cdef class Gate:

    def __cinit__(self):
        self.forget()

    cdef void forget(self) noexcept:
        self.variance = FIRST
        self.count = 0

    cdef bint accepts(self, double innovation, double foretold) noexcept:
        """Whether an innovation (ns) with foretold variance `foretold` of the clock may be noise."""
        cdef double wide = 6.0 if self.count > 30 else 12.0
        return fabs(innovation) <= wide * sqrt(foretold + self.variance)

    cdef void learn(self, double innovation, double foretold) noexcept:
        """An innovation tells of the noise only as far as the clock itself was foretold well."""
        cdef double share = self.variance / (self.variance + foretold)
        cdef double fresh = innovation * innovation - foretold
        cdef double most = 9.0 * (self.variance + foretold)
        if fresh > most:
            fresh = most
        if self.count < MEMORY:
            self.count += 1
        self.variance += (fresh - self.variance) * share * share / (self.count + 4)
        if self.variance < LEAST:
            self.variance = LEAST
        elif self.variance > MOST:
            self.variance = MOST
