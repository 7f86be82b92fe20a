# SPDX-License-Identifier: MIT
"""Which pulses are to be believed, and how far.

A pulse comes from the noise that latency.pyx has learned or, one in a hundred, from anywhere
within a millisecond.  The probability that it is the first weighs what the filter makes of it, so a
spike loses its pull smoothly and nothing depends on a threshold by a hair.
"""

from libc.math cimport exp, log

from stratum1.discipline.latency cimport Evidence, Shape, weigh

cdef double STRAY = 0.01                    # share of pulses that are strays
cdef double LOG_STRAY = log(STRAY * 1e-6)   # their density, spread over 1 ms, per ns
cdef double LOG_GOOD = log(1.0 - STRAY)


cdef double evidence_of(const Shape *shape, double innovation, double foretold, Evidence *evidence) noexcept nogil:
    """The evidence in a pulse with strays allowed for; returns the probability that it is none."""
    cdef double odds, good
    weigh(shape, innovation, foretold, evidence)
    evidence.density += LOG_GOOD
    odds = LOG_STRAY - evidence.density
    if odds < -40.0:
        return 1.0
    if odds > 40.0:
        evidence.density = LOG_STRAY
        evidence.score = 0.0
        evidence.sharpness = 0.0
        return 0.0
    good = 1.0 / (1.0 + exp(odds))
    evidence.sharpness = good * (evidence.sharpness - (1.0 - good) * evidence.score * evidence.score)
    evidence.score *= good
    evidence.density -= log(good)
    return good
