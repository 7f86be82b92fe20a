# SPDX-License-Identifier: MIT


cdef class Gate:
    cdef readonly double variance       # of the pulses' noise, ns^2
    cdef readonly int count             # pulses learned from, saturating

    cdef void forget(self) noexcept
    cdef bint accepts(self, double innovation, double foretold) noexcept
    cdef void learn(self, double innovation, double foretold) noexcept
