# SPDX-License-Identifier: MIT
"""The Kalman filter: how far off the kernel clock is and how fast it runs.

State of each model: x, the clock's offset beyond `whole_ns` (ns, positive = ahead), and y, the
frequency error of the free clock (ns/s, positive = fast).  Several models that differ in how
restless they think the crystal is run side by side and are mixed by how well each foretells the
pulses (interacting multiple model, Blom and Bar-Shalom 1988); so the process noise adapts within
seconds of a thermal transient and calms down after it.
"""

from libc.math cimport exp, llround, sqrt
from libc.stdint cimport int64_t

cdef double WHITE = 9.0            # ns^2/s: white frequency noise, 3e-9 at 1 s
cdef double[3] WALK = [0.04, 1.0, 30.0]      # (ns/s)^2/s: random walk of the frequency
cdef double LEAVE = 0.002          # probability per second that a model gives way to a neighbour
cdef int64_t REBASE = 250000000


cdef class Servo:

    def __cinit__(self):
        self.whole_ns = 0
        self.reference_ns = 0

    cdef void start(self, int64_t stamp_ns, int64_t utc_ns, double sigma_x, double y, double sigma_y) noexcept:
        """Begin anew: the clock read `stamp_ns` at `utc_ns` +- sigma_x ns, its frequency is y +- sigma_y ns/s."""
        cdef int i
        self.reference_ns = stamp_ns
        self.whole_ns = stamp_ns - utc_ns
        self.earlier_steering = self.steering
        for i in range(MODELS):
            self.x[i] = 0.0
            self.y[i] = y
            self.pxx[i] = sigma_x * sigma_x
            self.pxy[i] = 0.0
            self.pyy[i] = sigma_y * sigma_y
            self.weight[i] = 1.0 / MODELS
        self.combine()

    cdef double rate(self, double steering) noexcept:
        """Change of the offset per second of the kernel clock's own time (s/s) under `steering`."""
        cdef double fast = (1.0 + self.mean_y * 1e-9) * (1.0 + steering) - 1.0
        return fast / (1.0 + fast)

    cdef void propagate(self, int64_t kernel_ns) noexcept:
        """Carry the state on to `kernel_ns`; an instant before the reference changes nothing."""
        cdef int i
        cdef int64_t moved
        cdef double dt = (kernel_ns - self.reference_ns) * 1e-9
        cdef double fast, before
        if dt <= 0.0:
            return
        for i in range(MODELS):
            fast = (1.0 + self.y[i] * 1e-9) * (1.0 + self.steering) - 1.0
            self.x[i] += dt * 1e9 * (fast / (1.0 + fast))
            before = self.pyy[i]
            self.pxx[i] += dt * (2.0 * self.pxy[i] + dt * before) + WHITE * dt + WALK[i] * dt * dt * dt / 3.0
            self.pxy[i] += dt * before + WALK[i] * dt * dt / 2.0
            self.pyy[i] += WALK[i] * dt
        self.reference_ns = kernel_ns
        self.earlier_steering = self.steering
        self.combine()
        if self.mean_x > REBASE or self.mean_x < -REBASE:
            moved = llround(self.mean_x)
            self.whole_ns += moved
            for i in range(MODELS):
                self.x[i] -= <double>moved
            self.combine()

    cdef void steer(self, int64_t kernel_ns, double steering) noexcept:
        """From `kernel_ns` on the clock runs with this adjustment."""
        self.propagate(kernel_ns)
        self.earlier_steering = self.steering
        self.steering = steering

    cdef void shift(self, int64_t clock_ns, int64_t offset_ns) noexcept:
        """The clock's readings were moved by clock_ns, its offset from UTC by offset_ns."""
        self.reference_ns += clock_ns
        self.whole_ns += offset_ns

    cdef void widen(self, double var_x, double var_y) noexcept:
        cdef int i
        for i in range(MODELS):
            self.pxx[i] += var_x
            self.pyy[i] += var_y
        self.combine()

    cdef double offset(self, int64_t kernel_ns) noexcept:
        """Offset beyond whole_ns (ns) when the clock reads `kernel_ns`."""
        cdef int64_t dt = kernel_ns - self.reference_ns
        return self.mean_x + <double>dt * self.rate(self.steering if dt >= 0 else self.earlier_steering)

    cdef int64_t utc(self, int64_t kernel_ns) noexcept:
        return kernel_ns - self.whole_ns - llround(self.offset(kernel_ns))

    cdef double innovation(self, int64_t stamp_ns, int64_t utc_ns) noexcept:
        """How much later than foretold (ns) the pulse of `utc_ns` was stamped."""
        return <double>(stamp_ns - self.whole_ns - utc_ns) - self.offset(stamp_ns)

    cdef void combine(self) noexcept:
        cdef int i
        cdef double dx, dy
        self.mean_x = self.mean_y = 0.0
        for i in range(MODELS):
            self.mean_x += self.weight[i] * self.x[i]
            self.mean_y += self.weight[i] * self.y[i]
        self.var_x = self.cov_xy = self.var_y = 0.0
        for i in range(MODELS):
            dx = self.x[i] - self.mean_x
            dy = self.y[i] - self.mean_y
            self.var_x += self.weight[i] * (self.pxx[i] + dx * dx)
            self.cov_xy += self.weight[i] * (self.pxy[i] + dx * dy)
            self.var_y += self.weight[i] * (self.pyy[i] + dy * dy)

    cdef double sigma_at(self, double seconds) noexcept:
        """Standard error (ns) of the offset foretold for `seconds` after the reference."""
        cdef double walk = 0.0
        cdef int i
        for i in range(MODELS):
            walk += self.weight[i] * WALK[i]
        return sqrt(
            self.var_x + seconds * (2.0 * self.cov_xy + seconds * self.var_y)
            + WHITE * seconds + walk * seconds * seconds * seconds / 3.0
        )

    cdef void update(self, double innovation, double variance) noexcept:
        """Take in a pulse at the reference: foretold wrong by `innovation` ns, noise variance in ns^2."""
        cdef int i, j
        cdef double total, s, nu, kx, ky, dx, dy, share
        cdef double nx[MODELS]
        cdef double ny[MODELS]
        cdef double nxx[MODELS]
        cdef double nxy[MODELS]
        cdef double nyy[MODELS]
        cdef double nw[MODELS]
        cdef double mix
        cdef double here = self.mean_x
        # Mixing: each model starts from what the models that may have led to it knew.
        for j in range(MODELS):
            nw[j] = 0.0
            nx[j] = ny[j] = nxx[j] = nxy[j] = nyy[j] = 0.0
            for i in range(MODELS):
                mix = self.weight[i] * (1.0 - (MODELS - 1) * LEAVE if i == j else LEAVE)
                nw[j] += mix
                nx[j] += mix * self.x[i]
                ny[j] += mix * self.y[i]
            nx[j] /= nw[j]
            ny[j] /= nw[j]
            for i in range(MODELS):
                mix = self.weight[i] * (1.0 - (MODELS - 1) * LEAVE if i == j else LEAVE) / nw[j]
                dx = self.x[i] - nx[j]
                dy = self.y[i] - ny[j]
                nxx[j] += mix * (self.pxx[i] + dx * dx)
                nxy[j] += mix * (self.pxy[i] + dx * dy)
                nyy[j] += mix * (self.pyy[i] + dy * dy)
        total = 0.0
        for j in range(MODELS):
            s = nxx[j] + variance
            nu = innovation + here - nx[j]
            kx = nxx[j] / s
            ky = nxy[j] / s
            self.x[j] = nx[j] + kx * nu
            self.y[j] = ny[j] + ky * nu
            self.pxx[j] = nxx[j] * variance / s
            self.pxy[j] = nxy[j] * variance / s
            self.pyy[j] = nyy[j] - ky * nxy[j]
            share = nu * nu / s
            nw[j] *= exp(-0.5 * share if share < 200.0 else -100.0) / sqrt(s)
            total += nw[j]
        for j in range(MODELS):
            self.weight[j] = nw[j] / total
            if self.weight[j] < 1e-6:
                self.weight[j] = 1e-6
        self.combine()
