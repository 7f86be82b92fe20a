# SPDX-License-Identifier: MIT
from stratum1.discipline.latency cimport Evidence, Shape


cdef double evidence_of(const Shape *shape, double innovation, double foretold, Evidence *evidence) noexcept nogil
