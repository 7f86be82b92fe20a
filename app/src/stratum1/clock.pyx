# SPDX-License-Identifier: MIT
"""The clock that is read, waited on and, where wanted, steered: the only room that may change a clock.

Signs: a frequency is what is added to the clock's own rate, positive makes it run faster (s/s); a
step is added to its reading (ns).  Every call goes through a libc symbol, never a raw system
call, so that a simulated clock can stand in for libc.
"""

import errno
import math
import os

from libc.errno cimport errno as c_errno
from libc.stdint cimport int64_t
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.types cimport clockid_t
cdef extern from "poll.h":
    ctypedef struct pollfd "struct pollfd":
        int fd
        short events
        short revents
    short POLLIN, POLLOUT
    int poll(pollfd *fds, unsigned long count, int timeout) nogil

cdef extern from *:
    """
    #include <sys/timex.h>
    #include <time.h>
    """
    ctypedef struct timeval:
        long tv_sec
        long tv_usec
    ctypedef struct timex "struct timex":
        unsigned int modes
        long offset
        long freq
        long maxerror
        long esterror
        int status
        long constant
        long tick
        timeval time
        int tai
    int clock_adjtime(clockid_t clock, timex *tx) nogil
    unsigned int ADJ_OFFSET, ADJ_FREQUENCY, ADJ_MAXERROR, ADJ_ESTERROR, ADJ_STATUS, ADJ_TIMECONST, ADJ_TAI
    unsigned int ADJ_SETOFFSET, ADJ_NANO, ADJ_TICK, ADJ_OFFSET_SINGLESHOT
    int STA_PLL, STA_UNSYNC, STA_INS, STA_DEL, STA_NANO

cdef enum:
    MOST_WAITED_FOR = 16

cdef double FREQ_SCALE = 65536e6       # struct timex: 2**-16 ppm
cdef long KERNEL_ERROR_LIMIT_US = 16000000    # NTP_PHASE_LIMIT

FREQUENCY_LIMIT = 500e-6
"""The most that the kernel takes (MAXFREQ of <linux/timex.h>)."""

FREQUENCY_STEP = 1 / FREQ_SCALE
"""The kernel takes a frequency in steps of this, 1.5e-11 s/s."""


class ClockError(Exception):
    """The clock refused; the text is for a person."""


cdef inline int64_t _now(clockid_t clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


def read() -> tuple[int, int]:
    """(CLOCK_REALTIME, CLOCK_MONOTONIC) of one instant, in ns; of three tries the least disturbed."""
    cdef int64_t before, between, after, kernel = 0, monotonic = 0, shortest = -1
    cdef int _
    for _ in range(3):
        before = _now(CLOCK_MONOTONIC)
        between = _now(CLOCK_REALTIME)
        after = _now(CLOCK_MONOTONIC)
        if shortest < 0 or after - before < shortest:
            shortest = after - before
            kernel = between
            monotonic = before + shortest // 2
    return kernel, monotonic


def wait(readers, writers, int64_t timeout_ns) -> None:
    """Sleep until a descriptor is ready, `timeout_ns` has passed (never less), or a signal came.

    Unlike select.poll a signal does end it, so that an order to stop is obeyed at once.
    """
    cdef pollfd fds[MOST_WAITED_FOR]
    cdef unsigned long count = 0
    cdef int milliseconds = <int>min(max((timeout_ns + 999999) // 1000000, 0), 60000)
    for wanted, event in ((readers, POLLIN), (writers, POLLOUT)):
        for fd in wanted:
            if count == MOST_WAITED_FOR:
                raise ValueError(f"at most {MOST_WAITED_FOR} descriptors can be waited on")
            fds[count].fd = fd
            fds[count].events = event
            fds[count].revents = 0
            count += 1
    with nogil:
        poll(fds, count, milliseconds)


def precision() -> int:
    """log2 seconds of what one reading of the clock costs or resolves, whichever is more (RFC 5905 section 7.3)."""
    cdef int64_t last = _now(CLOCK_REALTIME)
    cdef int64_t least = 1000000
    cdef int64_t now
    cdef int _
    for _ in range(1000):
        now = _now(CLOCK_REALTIME)
        if 0 < now - last < least:
            least = now - last
        last = now
    return max(-30, min(-6, math.ceil(math.log2(least * 1e-9))))


def _armed() -> int:
    """The leap that the kernel is to take at the end of its UTC day: 1 a second inserted, -1 left out, 0 none."""
    cdef timex tx
    memset(&tx, 0, sizeof(tx))
    if clock_adjtime(CLOCK_REALTIME, &tx) < 0:
        return 0
    return 1 if tx.status & STA_INS else -1 if tx.status & STA_DEL else 0


class FreeClock:
    """The machine's clock, read and left alone: what is wrong with it is only published."""

    steers = False

    def read(self) -> tuple[int, int]:
        return read()

    def wait(self, readers, writers, timeout_ns) -> None:
        wait(readers, writers, timeout_ns)

    def frequency(self) -> float:
        return 0.0

    def adjust(self, frequency) -> float:
        return 0.0

    def step(self, step_ns) -> None:
        raise ClockError("the clock is left alone (timekeeper.steer = none)")

    def armed(self) -> int:
        return _armed()

    def tell(self, synchronised, bound_ns, error_ns, leap=0, tai_offset=0) -> bool:
        return True


cdef _adjust(timex *tx):
    """clock_adjtime on CLOCK_REALTIME; ClockError."""
    if clock_adjtime(CLOCK_REALTIME, tx) < 0:
        if c_errno == errno.EPERM:
            raise ClockError(
                "no right to steer the kernel clock: give the process CAP_SYS_TIME, or set timekeeper.steer = none"
            )
        raise ClockError(f"the kernel clock refused: {os.strerror(c_errno)}")


cdef class KernelClock:
    """CLOCK_REALTIME, steered by clock_adjtime(2).

    Taking it over ends what another program left running: a slew (adjtime), the kernel's own loop
    and a tick length that is not the nominal one; the frequency found stays in force.
    """

    steers = True

    cdef long _freq
    cdef int _tai

    def __init__(self):
        cdef timex tx
        cdef long nominal = 1000000 // os.sysconf("SC_CLK_TCK")
        cdef double found
        memset(&tx, 0, sizeof(tx))
        _adjust(&tx)
        found = tx.freq / FREQ_SCALE + (<double>tx.tick / nominal - 1)
        self._tai = tx.tai
        leap = tx.status & (STA_INS | STA_DEL)

        # The kernel's loop forgets its rest when it is given an offset of nothing; that needs STA_PLL.
        tx.modes = ADJ_STATUS | ADJ_OFFSET | ADJ_NANO | ADJ_TICK
        tx.status = STA_PLL | STA_UNSYNC | leap
        tx.offset = 0
        tx.tick = nominal
        _adjust(&tx)
        tx.modes = ADJ_OFFSET_SINGLESHOT
        tx.offset = 0
        _adjust(&tx)
        tx.modes = ADJ_STATUS
        tx.status = STA_UNSYNC | leap
        _adjust(&tx)
        self.adjust(found)

    def read(self) -> tuple[int, int]:
        return read()

    def wait(self, readers, writers, timeout_ns) -> None:
        wait(readers, writers, timeout_ns)

    def frequency(self) -> float:
        """What is in force (s/s)."""
        return self._freq / FREQ_SCALE

    def adjust(self, double frequency) -> float:
        """Set the frequency; returns what the kernel made of it: its steps of 2**-16 ppm, at most 500 ppm."""
        cdef timex tx
        if not -1 < frequency < 1:
            raise ClockError(f"{frequency} is no frequency")
        memset(&tx, 0, sizeof(tx))
        tx.modes = ADJ_FREQUENCY
        tx.freq = round(min(max(frequency, -FREQUENCY_LIMIT), FREQUENCY_LIMIT) * FREQ_SCALE)
        _adjust(&tx)
        self._freq = tx.freq
        return tx.freq / FREQ_SCALE

    def step(self, int64_t step_ns) -> None:
        """Add `step_ns` to the clock at once."""
        cdef timex tx
        cdef int64_t seconds = step_ns // 1000000000
        cdef int64_t rest = step_ns - seconds * 1000000000
        if rest < 0:
            seconds -= 1
            rest += 1000000000
        memset(&tx, 0, sizeof(tx))
        tx.modes = ADJ_SETOFFSET | ADJ_NANO
        tx.time.tv_sec = seconds
        tx.time.tv_usec = rest
        _adjust(&tx)

    def armed(self) -> int:
        """As somebody has told the kernel: we, or whoever set this clock before us."""
        return _armed()

    def tell(self, bint synchronised, int64_t bound_ns, int64_t error_ns, int leap=0, int tai_offset=0) -> bool:
        """What programs on this machine are told by adjtimex(2); False when somebody else has changed the frequency.

        bound_ns: most that the clock is wrong; error_ns: what it is likely wrong; leap: a second to
        be inserted (1) or left out (-1) by the kernel at the end of its UTC day; tai_offset: TAI - UTC
        in s, 0 = not known.
        """
        cdef timex tx
        cdef int leap_status = 0
        if synchronised and leap:
            leap_status = STA_INS if leap > 0 else STA_DEL
        memset(&tx, 0, sizeof(tx))
        tx.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR | ADJ_NANO
        tx.status = leap_status | (0 if synchronised else STA_UNSYNC)
        tx.maxerror = _microseconds(bound_ns)
        tx.esterror = _microseconds(error_ns)
        _adjust(&tx)
        # The kernel rounds what it gives back.
        ours = -2 <= tx.freq - self._freq <= 2
        self._freq = tx.freq
        if tai_offset and tai_offset != self._tai:
            memset(&tx, 0, sizeof(tx))
            tx.modes = ADJ_TAI
            tx.constant = tai_offset
            _adjust(&tx)
            self._tai = tai_offset
        return ours


cdef long _microseconds(int64_t ns):
    """Rounded up, at most what the kernel keeps."""
    if ns >= <int64_t>KERNEL_ERROR_LIMIT_US * 1000:
        return KERNEL_ERROR_LIMIT_US
    return <long>((ns + 999) // 1000) if ns > 0 else 0
