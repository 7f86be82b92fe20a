# SPDX-License-Identifier: MIT
"""Writer and reader of the shared tracking page."""

import mmap
import os
from libc.stdint cimport INT32_MIN, int64_t
from libc.string cimport memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME

from stratum1.timescale cimport read_clock
from stratum1.tracking.snapshot import (
    Antenna, Jamming, Leap, Reason, Snapshot, Spoofing, SpoofingEvidence, State, Survey,
)


cdef void read_clocks(int64_t *kernel_ns, int64_t *monotonic_ns) noexcept nogil:
    """Both clocks at one instant: a reading that was interrupted half-way would look like a stepped clock."""
    cdef int64_t before
    cdef int64_t after
    cdef int _attempt
    for _attempt in range(10):
        before = read_clock(CLOCK_MONOTONIC)
        kernel_ns[0] = read_clock(CLOCK_REALTIME)
        after = read_clock(CLOCK_MONOTONIC)
        monotonic_ns[0] = before + (after - before) // 2
        if after - before < 20000:
            return


cdef bytes _cut(str text, Py_ssize_t room):
    """UTF-8 of `text` in at most `room` bytes, never half a character."""
    raw = text.encode("utf-8", "replace")
    if len(raw) > room:
        raw = raw[:room].decode("utf-8", "ignore").encode("utf-8")
    return raw


cdef void _put(char *field, Py_ssize_t size, str text):
    cdef bytes raw = _cut(text, size - 1)
    cdef Py_ssize_t i
    memset(field, 0, size)
    for i in range(len(raw)):
        field[i] = (<const char *>raw)[i]


cdef str _get(const char *field, Py_ssize_t size):
    cdef Py_ssize_t n = 0
    while n < size and field[n] != 0:
        n += 1
    return field[:n].decode("utf-8", "replace")


cdef long _byte(long value):
    return 0 if value < 0 else 255 if value > 255 else value


cdef object _count(object value):
    return min(max(value, 0), 0xFFFFFFFF)


cdef void fill_page(tracking_page *page, snapshot):
    memset(page, 0, sizeof(tracking_page))
    page.writer_pid = os.getpid()
    page.kernel_ns = snapshot.kernel_ns
    page.correction_ns = snapshot.correction_ns
    page.correction_rate = snapshot.correction_rate
    page.reference_ns = snapshot.reference_ns
    page.bound_ns = snapshot.bound_ns
    page.bound_rate = snapshot.bound_rate
    page.bound_limit_ns = snapshot.bound_limit_ns
    page.serve_until_ns = snapshot.serve_until_ns
    page.realtime_minus_monotonic_ns = snapshot.realtime_minus_monotonic_ns
    page.leap_at_ns = snapshot.leap_at_ns
    page.root_delay_ns = snapshot.root_delay_ns
    page.frequency = snapshot.frequency
    page.steering = snapshot.steering
    page.jitter_ns = snapshot.jitter_ns
    page.offset_ns = snapshot.offset_ns
    page.state_since_ns = snapshot.state_since_ns
    page.holdover_left_ns = snapshot.holdover_left_ns
    page.last_pulse_ns = snapshot.last_pulse_ns
    page.pulses_accepted = snapshot.pulses_accepted
    page.pulses_rejected = snapshot.pulses_rejected
    page.message_delay_ns = snapshot.message_delay_ns
    page.steps = snapshot.steps
    page.temperature_mc = INT32_MIN if snapshot.temperature_mc is None else snapshot.temperature_mc
    page.state = snapshot.state
    page.leap = snapshot.leap
    page.stratum = snapshot.stratum
    page.precision = snapshot.precision
    cdef bytes refid = (snapshot.refid + b"\0\0\0\0")[:4]
    cdef int i
    for i in range(4):
        page.refid[i] = (<const unsigned char *>refid)[i]
    page.flags = (FLAG_UTC_VALID if snapshot.utc_valid else 0) | (FLAG_LEAP_BY_KERNEL if snapshot.leap_by_kernel else 0)
    page.fix_mode = _byte(snapshot.fix_mode)
    page.satellites_used = _byte(snapshot.satellites_used)
    page.satellites_seen = _byte(snapshot.satellites_seen)
    page.reason = snapshot.reason
    page.tai_offset = snapshot.tai_offset
    page.labels_agreeing = min(snapshot.labels_agreeing, 65535)
    page.labels_needed = min(snapshot.labels_needed, 65535)
    page.antenna = snapshot.antenna
    page.survey_state = snapshot.survey_state
    page.survey_s = _count(snapshot.survey_s)
    page.survey_accuracy_mm = _count(snapshot.survey_accuracy_mm)
    page.jamming = _byte(snapshot.jamming)
    page.jamming_state = snapshot.jamming_state
    page.spoofing = snapshot.spoofing
    page.spoofing_evidence = snapshot.spoofing_evidence
    page.rollovers = _byte(snapshot.rollovers)
    page.standby_pulses = _byte(snapshot.standby_pulses)
    page.quantisation_ps = INT32_MIN if snapshot.quantisation_ps is None else snapshot.quantisation_ps
    _put(page.receiver_port, sizeof(page.receiver_port), snapshot.receiver_port)
    _put(page.receiver, sizeof(page.receiver), snapshot.receiver)
    _put(page.pulse_device, sizeof(page.pulse_device), snapshot.pulse_device)
    _put(page.detail, sizeof(page.detail), snapshot.detail)


cdef object page_as_snapshot(const tracking_page *page):
    return Snapshot(
        state=State(page.state),
        reason=Reason(page.reason),
        detail=_get(page.detail, sizeof(page.detail)),
        leap=Leap(page.leap),
        stratum=page.stratum,
        refid=bytes([page.refid[0], page.refid[1], page.refid[2], page.refid[3]]),
        precision=page.precision,
        kernel_ns=page.kernel_ns,
        correction_ns=page.correction_ns,
        correction_rate=page.correction_rate,
        realtime_minus_monotonic_ns=page.realtime_minus_monotonic_ns,
        reference_ns=page.reference_ns,
        bound_ns=page.bound_ns,
        bound_rate=page.bound_rate,
        bound_limit_ns=page.bound_limit_ns,
        serve_until_ns=page.serve_until_ns,
        root_delay_ns=page.root_delay_ns,
        leap_at_ns=page.leap_at_ns,
        leap_by_kernel=bool(page.flags & FLAG_LEAP_BY_KERNEL),
        frequency=page.frequency,
        steering=page.steering,
        jitter_ns=page.jitter_ns,
        offset_ns=page.offset_ns,
        state_since_ns=page.state_since_ns,
        holdover_left_ns=page.holdover_left_ns,
        last_pulse_ns=page.last_pulse_ns,
        pulses_accepted=page.pulses_accepted,
        pulses_rejected=page.pulses_rejected,
        steps=page.steps,
        temperature_mc=None if page.temperature_mc == INT32_MIN else page.temperature_mc,
        fix_mode=page.fix_mode,
        utc_valid=bool(page.flags & FLAG_UTC_VALID),
        satellites_used=page.satellites_used,
        satellites_seen=page.satellites_seen,
        antenna=Antenna(page.antenna),
        survey_state=Survey(page.survey_state),
        survey_s=page.survey_s,
        survey_accuracy_mm=page.survey_accuracy_mm,
        jamming=page.jamming,
        jamming_state=Jamming(page.jamming_state),
        spoofing=Spoofing(page.spoofing),
        spoofing_evidence=SpoofingEvidence(page.spoofing_evidence),
        rollovers=page.rollovers,
        standby_pulses=page.standby_pulses,
        quantisation_ps=None if page.quantisation_ps == INT32_MIN else page.quantisation_ps,
        tai_offset=page.tai_offset,
        labels_agreeing=page.labels_agreeing,
        labels_needed=page.labels_needed,
        message_delay_ns=page.message_delay_ns,
        receiver_port=_get(page.receiver_port, sizeof(page.receiver_port)),
        receiver=_get(page.receiver, sizeof(page.receiver)),
        pulse_device=_get(page.pulse_device, sizeof(page.pulse_device)),
    )


cdef class TrackingWriter:
    """The only writer of the page at `path`; the file is made, 0644, when it is not there."""

    cdef object _map
    cdef unsigned char[::1] _view

    def __init__(self, path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(fd).st_size != TRACKING_SIZE:
                os.ftruncate(fd, TRACKING_SIZE)
            self._map = mmap.mmap(fd, TRACKING_SIZE)
        finally:
            os.close(fd)
        self._view = self._map

    def write(self, snapshot: Snapshot) -> None:
        """Publish `snapshot`; readers see all of it or none of it."""
        cdef tracking_page page
        fill_page(&page, snapshot)
        tracking_store(<tracking_page *>&self._view[0], &page)


cdef class TrackingReader:
    """Reads the page at `path`.

    The page may appear later, be replaced or vanish; a reader that has none reads None.
    """

    cdef object _path
    cdef object _map
    cdef const unsigned char[::1] _view
    cdef object _inode

    def __init__(self, path):
        self._path = path
        self._map = None
        self._inode = None

    cdef bint _open(self) except -1:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            status = os.fstat(fd)
            if status.st_size != TRACKING_SIZE:
                return False
            if self._map is None or self._inode != (status.st_dev, status.st_ino):
                self._map = mmap.mmap(fd, TRACKING_SIZE, prot=mmap.PROT_READ)
                self._view = self._map
                self._inode = (status.st_dev, status.st_ino)
        finally:
            os.close(fd)
        return True

    cdef bint _load(self, tracking_page *page) except -1:
        if self._map is None and not self._open():
            return False
        return tracking_load(<const tracking_page *>&self._view[0], page) == 0

    def read(self) -> Snapshot | None:
        """The newest snapshot as it was written; None when there is none."""
        cdef tracking_page page
        if not self._load(&page):
            return None
        try:
            return page_as_snapshot(&page)
        except ValueError:
            return None  # a state or reason that this program does not know: not our writer's

    def reopen(self) -> bool:
        """Look at the path again, for a page made anew; False when there is none."""
        return bool(self._open())

    def now(self) -> tuple[int, int, bool] | None:
        """(served UTC ns, error bound ns, may be claimed good), by this machine's clock now.

        The third item is the answer path's own test, so that whoever shows the state shows what is served.
        """
        cdef tracking_page page
        if not self._load(&page):
            return None
        cdef int64_t kernel = 0
        cdef int64_t monotonic = 0
        read_clocks(&kernel, &monotonic)
        return (
            tracking_served(&page, kernel),
            tracking_bound(&page, kernel),
            bool(tracking_serves(&page, kernel, monotonic)),
        )


def evaluate(snapshot: Snapshot, kernel_ns: int, monotonic_ns: int) -> tuple[int, int, bool]:
    """What TrackingReader.now() gives, for a snapshot and clock readings handed in."""
    cdef tracking_page page
    fill_page(&page, snapshot)
    return (
        tracking_served(&page, kernel_ns),
        tracking_bound(&page, kernel_ns),
        bool(tracking_serves(&page, kernel_ns, monotonic_ns)),
    )
