# SPDX-License-Identifier: MIT
from libc.stdint cimport int64_t

from stratum1.discipline.latency cimport Shape

cdef enum:
    MODELS = 3


cdef class Servo:
    cdef readonly int64_t reference_ns      # kernel time at which the state holds
    cdef readonly int64_t whole_ns          # the bulk of the clock's offset, exact
    cdef readonly double steering           # s/s in force since reference_ns
    cdef double earlier_steering            # s/s in force before reference_ns
    cdef double x[MODELS]                   # rest of the offset, ns
    cdef double y[MODELS]                   # frequency error of the free clock, ns/s
    cdef double pxx[MODELS]                 # ns^2
    cdef double pxy[MODELS]                 # ns^2/s
    cdef double pyy[MODELS]                 # (ns/s)^2
    cdef double weight[MODELS]
    cdef double gain_x, gain_y              # with which the last pulse moved offset and frequency
    cdef double mean_x, mean_y, var_x, cov_xy, var_y

    cdef void set_out(self, int64_t kernel_ns, double steering) noexcept
    cdef void start(self, int64_t stamp_ns, int64_t utc_ns, double sigma_x, double y, double sigma_y) noexcept
    cdef void propagate(self, int64_t kernel_ns) noexcept
    cdef void steer(self, int64_t kernel_ns, double steering) noexcept
    cdef void shift(self, int64_t clock_ns, int64_t offset_ns) noexcept
    cdef void widen(self, double xx, double xy, double yy) noexcept
    cdef void rescale(self, double factor) noexcept
    cdef double rate(self, double steering) noexcept
    cdef double offset(self, int64_t kernel_ns) noexcept
    cdef int64_t utc(self, int64_t kernel_ns) noexcept
    cdef double innovation(self, int64_t stamp_ns, int64_t utc_ns) noexcept
    cdef double update(self, double innovation, const Shape *shape) noexcept
    cdef void move(self, double offset) noexcept
    cdef void turn(self, double frequency) noexcept
    cdef void stir(self) noexcept
    cdef double sigma_at(self, double seconds) noexcept
    cdef void combine(self) noexcept
