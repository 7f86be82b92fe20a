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

from stratum1.discipline.gate cimport evidence_of
from stratum1.discipline.latency cimport Evidence, Shape

cdef double WHITE = 6.0            # ns^2/s: white frequency noise, 3e-9 at 1 s
cdef double[3] WALK = [0.1, 0.5, 20.0]      # (ns/s)^2/s: random walk of the frequency
# Probability per pulse that a model (row) gives way to another (column).
cdef double[9] TURN = [
    0.99955, 0.0003, 0.00015,
    0.01, 0.9897, 0.0003,
    0.005, 0.005, 0.99,
]
cdef double STIRRED = 0.02           # share of the calm model's weight given away each second
cdef int64_t REBASE = 250000000


cdef class Servo:

    cdef void set_out(self, int64_t kernel_ns, double steering) noexcept:
        """Nothing is known yet but the clock's reading and its adjustment."""
        self.reference_ns = kernel_ns
        self.steering = self.earlier_steering = steering

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

    cdef void widen(self, double xx, double xy, double yy) noexcept:
        """Add doubt: ns^2, ns^2/s, (ns/s)^2."""
        cdef int i
        for i in range(MODELS):
            self.pxx[i] += xx
            self.pxy[i] += xy
            self.pyy[i] += yy
        self.combine()

    cdef void rescale(self, double factor) noexcept:
        """The pulses' variance was `factor` times what it was taken for, and so is all that was learned from them."""
        cdef int i
        for i in range(MODELS):
            self.pxx[i] *= factor
            self.pxy[i] *= factor
            self.pyy[i] *= factor
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

    cdef void move(self, double offset) noexcept:
        """The offset was `offset` ns more than thought."""
        cdef int i
        for i in range(MODELS):
            self.x[i] += offset
        self.combine()

    cdef void turn(self, double frequency) noexcept:
        """The free clock's frequency is `frequency` ns/s."""
        cdef int i
        cdef double change = frequency - self.mean_y
        for i in range(MODELS):
            self.y[i] += change
        self.combine()

    cdef void stir(self) noexcept:
        """Something is happening to the crystal: let the restless models have more of a say."""
        cdef double part = STIRRED * self.weight[0]
        self.weight[0] -= part
        self.weight[MODELS - 1] += part

    cdef double update(self, double innovation, const Shape *shape) noexcept:
        """Take in a pulse at the reference, foretold wrong by `innovation` ns.

        Returns the probability that the pulse is no stray.  Score and sharpness of the noise's density
        give the exact mean and variance after a pulse of any noise (Masreliez 1975).
        """
        cdef int i, j
        cdef double total = 0.0, believed = 0.0, nu, dx, dy, best = -1e300, mix
        cdef double x[MODELS]
        cdef double y[MODELS]
        cdef double xx[MODELS]
        cdef double xy[MODELS]
        cdef double yy[MODELS]
        cdef double weight[MODELS]
        cdef double density[MODELS]
        cdef double goods[MODELS]
        cdef double sharpness[MODELS]
        cdef Evidence evidence
        # Mixing: each model starts from what the models that may have led to it knew.
        for j in range(MODELS):
            weight[j] = x[j] = y[j] = xx[j] = xy[j] = yy[j] = 0.0
            for i in range(MODELS):
                mix = self.weight[i] * TURN[i * MODELS + j]
                weight[j] += mix
                x[j] += mix * self.x[i]
                y[j] += mix * self.y[i]
            x[j] /= weight[j]
            y[j] /= weight[j]
            for i in range(MODELS):
                mix = self.weight[i] * TURN[i * MODELS + j] / weight[j]
                dx = self.x[i] - x[j]
                dy = self.y[i] - y[j]
                xx[j] += mix * (self.pxx[i] + dx * dx)
                xy[j] += mix * (self.pxy[i] + dx * dy)
                yy[j] += mix * (self.pyy[i] + dy * dy)
        for j in range(MODELS):
            nu = innovation + self.mean_x - x[j]
            goods[j] = evidence_of(shape, nu, xx[j], &evidence)
            self.x[j] = x[j] + xx[j] * evidence.score
            self.y[j] = y[j] + xy[j] * evidence.score
            self.pxx[j] = xx[j] - xx[j] * xx[j] * evidence.sharpness
            self.pxy[j] = xy[j] - xx[j] * xy[j] * evidence.sharpness
            self.pyy[j] = yy[j] - xy[j] * xy[j] * evidence.sharpness
            density[j] = evidence.density
            sharpness[j] = max(0.0, evidence.sharpness)
            if density[j] > best:
                best = density[j]
        for j in range(MODELS):
            weight[j] *= exp(density[j] - best) if density[j] > best - 200.0 else 1e-87
            total += weight[j]
        self.gain_x = self.gain_y = 0.0
        for j in range(MODELS):
            self.weight[j] = weight[j] / total
            if self.weight[j] < 1e-9:
                self.weight[j] = 1e-9
            believed += self.weight[j] * goods[j]
            self.gain_x += self.weight[j] * xx[j] * sharpness[j]
            self.gain_y += self.weight[j] * xy[j] * sharpness[j]
        self.combine()
        return believed
