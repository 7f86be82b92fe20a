# SPDX-License-Identifier: MIT

cdef enum:
    BLOCKS = 7


cdef class Holdover:
    cdef readonly double coefficient        # ns/s per kelvin
    cdef readonly double sigma              # its standard error, ns/s per kelvin
    cdef readonly double restless           # largest change of frequency lately, ns/s
    cdef readonly double unexplained        # the same less what the temperature explains
    cdef double loads                       # changes as loads make them, seen lately ...
    cdef double watched                     # ... in so many seconds
    cdef double prior                       # coefficient remembered from an earlier run
    cdef double prior_sigma
    cdef double sxx, sxy
    cdef double block_y, block_t, block_s   # sums over the block that is being filled
    cdef bint block_warm                    # the thermometer was there all the time
    cdef double ys[BLOCKS]
    cdef double ts[BLOCKS]
    cdef bint warm[BLOCKS]
    cdef int blocks
    cdef double base                        # the last minutes' frequency less the temperature's part, ns/s
    cdef double base_s                      # over how much time, saturating
    cdef bint has_base
    cdef double celsius                     # smoothed temperature
    cdef bint has_celsius
    cdef double quick, slow                 # the same, smoothed less and more
    cdef double usual                       # mean square of their difference, K^2
    cdef double left_at                     # the same when pulses were last good

    cdef void remember(self, double coefficient, double sigma) noexcept
    cdef void feel(self, double celsius, double seconds) noexcept
    cdef void feel_nothing(self) noexcept
    cdef void track(self, double frequency, double seconds) noexcept
    cdef void interrupt(self) noexcept
    cdef bint foretell(self, double *frequency) noexcept
    cdef double heating(self) noexcept
    cdef double ramp(self) noexcept
    cdef double load_odds(self) noexcept
    cdef bint knows(self) noexcept
    cdef double stray_rate(self, double seconds) noexcept
    cdef double stray(self, double seconds) noexcept
    cdef double _sudden(self) noexcept
    cdef void _close_block(self) noexcept
    cdef void _regress(self) noexcept
