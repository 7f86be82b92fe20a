# SPDX-License-Identifier: MIT
"""Pulses stamped by hardware: the capture input of a PTP clock (<linux/ptp_clock.h>), as stamps of the kernel clock.

A network chip latches its own counter at the edge, so interrupt latency does not count.  What that
counter read is then told in kernel time by reading both clocks together after each pulse: the
counter may show any time scale and run at any rate near the kernel's.
"""

import os

from libc.errno cimport EINTR, errno as c_errno
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

from stratum1.pps.pulse import Pulse, PulseError, why

cdef extern from "poll.h":
    ctypedef struct pollfd "struct pollfd":
        int fd
        short events
        short revents
    short POLLIN, POLLERR, POLLHUP
    int poll(pollfd *fds, unsigned long count, int timeout) nogil

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/ioctl.h>
    #include <unistd.h>
    #include <linux/ptp_clock.h>

    /* See kernel.pyx. */
    extern int stratum1_open(const char *path, int flags, ...) __asm__("open");
    #ifndef PTP_STRICT_FLAGS
    #define PTP_STRICT_FLAGS 0
    #endif
    """
    ctypedef struct ptp_clock_time "struct ptp_clock_time":
        int64_t sec
        uint32_t nsec
    ctypedef struct ptp_clock_caps "struct ptp_clock_caps":
        int n_ext_ts
        int n_pins
    ctypedef struct ptp_pin_desc "struct ptp_pin_desc":
        unsigned int index, func, chan
    ctypedef struct ptp_extts_request "struct ptp_extts_request":
        unsigned int index, flags
    ctypedef struct ptp_extts_event "struct ptp_extts_event":
        ptp_clock_time t
        unsigned int index
    ctypedef struct ptp_sys_offset_precise "struct ptp_sys_offset_precise":
        ptp_clock_time device
        ptp_clock_time sys_realtime
    ctypedef struct ptp_sys_offset_extended "struct ptp_sys_offset_extended":
        unsigned int n_samples
        ptp_clock_time ts[25][3]
    ctypedef struct ptp_sys_offset "struct ptp_sys_offset":
        unsigned int n_samples
        ptp_clock_time ts[51]
    int PTP_ENABLE_FEATURE, PTP_RISING_EDGE, PTP_STRICT_FLAGS, PTP_PF_EXTTS
    unsigned long PTP_CLOCK_GETCAPS, PTP_PIN_SETFUNC, PTP_EXTTS_REQUEST, PTP_EXTTS_REQUEST2
    unsigned long PTP_SYS_OFFSET, PTP_SYS_OFFSET_EXTENDED, PTP_SYS_OFFSET_PRECISE
    int O_RDWR, O_CLOEXEC
    int stratum1_open(const char *path, int flags, ...) nogil
    int ioctl(int fd, unsigned long request, ...) nogil
    Py_ssize_t read(int fd, void *buffer, size_t count) nogil

cdef enum:
    CHANNEL = 0
    SAMPLES = 10
    EVENTS = 8


cdef inline int64_t _ns(const ptp_clock_time *t) noexcept:
    return t.sec * 1000000000 + <int64_t>t.nsec


class Pairing:
    """Tells the kernel clock's time from a counter's, by readings of both at one instant.

    Between two readings both are taken to run evenly.  A reading that implies a rate no counter has
    (the kernel clock was stepped in between) counts for itself alone.
    """

    MOST_RATE = 1e-3

    def __init__(self, counter_ns: int, kernel_ns: int) -> None:
        self._counter = counter_ns
        self._kernel = kernel_ns
        self._gain = 0.0

    def add(self, counter_ns: int, kernel_ns: int) -> None:
        """A newer reading."""
        passed = counter_ns - self._counter
        gain = (kernel_ns - self._kernel - passed) / passed if passed else self._gain
        self._gain = gain if abs(gain) < self.MOST_RATE else 0.0
        self._counter = counter_ns
        self._kernel = kernel_ns

    def kernel_ns(self, counter_ns: int) -> int:
        """The kernel clock when the counter read `counter_ns`."""
        passed = counter_ns - self._counter
        return self._kernel + passed + round(passed * self._gain)


cdef class ClockPulses:
    """Input 0 of /dev/ptpN; OSError when it cannot be opened, with ENOTTY when it is no PTP clock."""

    cdef int _fd
    cdef readonly str path
    cdef readonly object previous
    cdef object _newest
    cdef object _pairing
    cdef list _waiting
    cdef uint32_t _sequence
    cdef int _way               # of reading both clocks: 0 precise, 1 extended, 2 plain

    captures_clear = False

    def __cinit__(self):
        self._fd = -1

    def __init__(self, path):
        self.path = os.fspath(path)
        raw = os.fsencode(self.path)
        self._fd = stratum1_open(raw, O_RDWR | O_CLOEXEC)
        if self._fd < 0:
            raise OSError(c_errno, os.strerror(c_errno), self.path)
        self.previous = None
        self._newest = None
        self._waiting = []
        self._sequence = 0
        self._way = 0
        try:
            self._configure()
            self._pairing = Pairing(*self._both())
        except BaseException:
            self.close()
            raise

    cdef _configure(self):
        cdef ptp_clock_caps caps
        cdef ptp_pin_desc pin
        cdef ptp_extts_request request
        memset(&caps, 0, sizeof(caps))
        if ioctl(self._fd, PTP_CLOCK_GETCAPS, &caps) < 0:
            raise OSError(c_errno, os.strerror(c_errno), self.path)
        if caps.n_ext_ts <= CHANNEL:
            raise PulseError(f"{self.path}: this clock has no capture input")
        if caps.n_pins > 0:
            memset(&pin, 0, sizeof(pin))
            pin.func = PTP_PF_EXTTS
            pin.chan = CHANNEL
            if ioctl(self._fd, PTP_PIN_SETFUNC, &pin) < 0:
                raise PulseError(f"{self.path}: pin 0 cannot capture: {os.strerror(c_errno)}")
        memset(&request, 0, sizeof(request))
        request.index = CHANNEL
        request.flags = PTP_ENABLE_FEATURE | PTP_RISING_EDGE | PTP_STRICT_FLAGS
        if ioctl(self._fd, PTP_EXTTS_REQUEST2, &request) < 0:
            # Kernels before 5.4, and drivers that cannot promise one edge alone.
            request.flags = PTP_ENABLE_FEATURE | PTP_RISING_EDGE
            if ioctl(self._fd, PTP_EXTTS_REQUEST, &request) < 0:
                raise PulseError(f"{self.path}: the capture input cannot be switched on: {os.strerror(c_errno)}")

    cdef _both(self):
        """(counter, kernel clock) at one instant, in ns, the best way that the driver knows."""
        cdef ptp_sys_offset_precise precise
        cdef ptp_sys_offset_extended extended
        cdef ptp_sys_offset plain
        cdef int i
        if self._way == 0:
            memset(&precise, 0, sizeof(precise))
            if ioctl(self._fd, PTP_SYS_OFFSET_PRECISE, &precise) == 0:
                return _ns(&precise.device), _ns(&precise.sys_realtime)
            self._way = 1
        if self._way == 1:
            memset(&extended, 0, sizeof(extended))
            extended.n_samples = SAMPLES
            if ioctl(self._fd, PTP_SYS_OFFSET_EXTENDED, &extended) == 0:
                return least_disturbed(
                    [
                        (_ns(&extended.ts[i][0]), _ns(&extended.ts[i][1]), _ns(&extended.ts[i][2]))
                        for i in range(SAMPLES)
                    ]
                )
            self._way = 2
        memset(&plain, 0, sizeof(plain))
        plain.n_samples = SAMPLES
        if ioctl(self._fd, PTP_SYS_OFFSET, &plain) < 0:
            raise PulseError(f"{self.path}: cannot be read together with the kernel clock: {why(c_errno)}")
        return least_disturbed(
            [(_ns(&plain.ts[2 * i]), _ns(&plain.ts[2 * i + 1]), _ns(&plain.ts[2 * i + 2])) for i in range(SAMPLES)]
        )

    def fetch(self) -> Pulse | None:
        """The next captured edge, None when all are given; never waits; PulseError."""
        if not self._waiting:
            self._read()
        if not self._waiting:
            return None
        self._sequence += 1
        self.previous = self._newest
        self._newest = Pulse(self._sequence, self._waiting.pop(0), 0, 0)
        return self._newest

    cdef _read(self):
        cdef ptp_extts_event events[EVENTS]
        cdef pollfd wanted
        cdef Py_ssize_t got
        cdef int i
        if self._fd < 0:
            raise PulseError(f"{self.path}: closed")
        # A PTP clock reads as blocking whatever was asked for.
        wanted.fd = self._fd
        wanted.events = POLLIN
        wanted.revents = 0
        if poll(&wanted, 1, 0) <= 0:
            return
        if wanted.revents & (POLLERR | POLLHUP):
            raise PulseError(f"{self.path}: the device has gone")
        got = read(self._fd, events, sizeof(events))
        if got < 0:
            if c_errno == EINTR:
                return
            raise PulseError(f"{self.path}: {why(c_errno)}")
        captured = [
            _ns(&events[i].t) for i in range(got // <Py_ssize_t>sizeof(ptp_extts_event)) if events[i].index == CHANNEL
        ]
        if captured:
            self._pairing.add(*self._both())
            self._waiting = [self._pairing.kernel_ns(stamp) for stamp in captured]

    def verify(self) -> None:
        """Nothing to ask: a read of a removed clock fails."""

    def fileno(self) -> int | None:
        return self._fd if self._fd >= 0 else None

    def close(self) -> None:
        cdef ptp_extts_request request
        if self._fd >= 0:
            memset(&request, 0, sizeof(request))
            request.index = CHANNEL
            ioctl(self._fd, PTP_EXTTS_REQUEST, &request)
            os.close(self._fd)
            self._fd = -1


def least_disturbed(samples: list[tuple[int, int, int]]) -> tuple[int, int]:
    """(counter, kernel) from readings kernel-counter-kernel: of the one with the shortest time between its ends."""
    before, counter, after = min(samples, key=lambda sample: sample[2] - sample[0])
    return counter, before + (after - before) // 2
