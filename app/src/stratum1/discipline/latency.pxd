# SPDX-License-Identifier: MIT

cdef struct Shape:
    double variance         # of the symmetric part, ns^2
    double tail             # mean of the one-sided part, ns; 0 = none


cdef struct Evidence:
    double density          # log likelihood of the innovation
    double score            # -d density / d innovation, 1/ns
    double sharpness        # d score / d innovation, 1/ns^2


cdef void weigh(const Shape *shape, double innovation, double foretold, Evidence *evidence) noexcept nogil


cdef class Fit:
    cdef int side               # +1 late tail, -1 early tail, 0 none
    cdef double centre          # where the symmetric part lies among the innovations, ns
    cdef Shape shape
    cdef double information[6]  # upper triangle, row by row
    cdef void start(self, int side, double variance, double mean) noexcept
    cdef double learn(self, double innovation, double foretold, double gain) noexcept


cdef class Latency:
    cdef readonly bint late             # the tail is believed
    cdef readonly int count             # pulses learned from, saturating
    cdef int heard                      # the same with those from which only a width could be told
    cdef readonly double favour         # log likelihood ratio of a late tail to the better of the others
    cdef double over_plain, over_even
    cdef Fit plain
    cdef Fit later
    cdef Fit earlier
    cdef double recent                  # mean square of the last innovations, in units of what was foretold
    cdef double telling                 # the same with wild ones cut off
    cdef Shape shape                    # what the filter is to use
    cdef void begin(self, double variance) noexcept
    cdef double learn(self, double innovation, double foretold) noexcept
    cdef void strike(self) noexcept
    cdef void _recentre(self, double moved) noexcept
    cdef void _note(self, double share) noexcept
    cdef double excess(self) noexcept
    cdef double spread(self) noexcept
    cdef double unknown(self) noexcept
