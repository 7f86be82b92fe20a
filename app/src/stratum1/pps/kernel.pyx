# SPDX-License-Identifier: MIT
"""A PPS device of the kernel, by the ioctls of <linux/pps.h> (RFC 2783's calls are a wrapper of these)."""

import os

from libc.errno cimport EINTR, errno as c_errno
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

from stratum1.pps.pulse import Pulse, PulseError, why

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/ioctl.h>
    #include <linux/pps.h>

    /* Python.h turns open into open64; a simulated clock that stands in for libc knows the plain name. */
    extern int stratum1_open(const char *path, int flags, ...) __asm__("open");
    """
    ctypedef struct pps_ktime "struct pps_ktime":
        int64_t sec
        int32_t nsec
        uint32_t flags
    ctypedef struct pps_kinfo "struct pps_kinfo":
        uint32_t assert_sequence
        uint32_t clear_sequence
        pps_ktime assert_tu
        pps_ktime clear_tu
    ctypedef struct pps_fdata "struct pps_fdata":
        pps_kinfo info
        pps_ktime timeout
    ctypedef struct pps_kparams "struct pps_kparams":
        int api_version
        int mode
        pps_ktime assert_off_tu
        pps_ktime clear_off_tu
    int PPS_API_VERS
    int PPS_CAPTUREASSERT, PPS_CAPTURECLEAR, PPS_CAPTUREBOTH, PPS_OFFSETASSERT, PPS_OFFSETCLEAR, PPS_TSFMT_TSPEC
    unsigned long PPS_GETCAP, PPS_GETPARAMS, PPS_SETPARAMS, PPS_FETCH
    int O_RDONLY, O_CLOEXEC
    int stratum1_open(const char *path, int flags, ...) nogil
    int ioctl(int fd, unsigned long request, ...) nogil


cdef class KernelPulses:
    """/dev/ppsN; OSError when it cannot be opened, with ENOTTY when it is no PPS device."""

    cdef int _fd
    cdef readonly str path
    cdef readonly bint captures_clear
    cdef object _identity
    cdef object _newest
    cdef readonly object previous

    def __cinit__(self):
        self._fd = -1

    def __init__(self, path):
        self.path = os.fspath(path)
        raw = os.fsencode(self.path)
        self._fd = stratum1_open(raw, O_RDONLY | O_CLOEXEC)
        if self._fd < 0:
            raise OSError(c_errno, os.strerror(c_errno), self.path)
        try:
            self._identity = _identity(self.path)
            self._configure()
        except BaseException:
            self.close()
            raise
        self._newest = None
        self.previous = None

    cdef _configure(self):
        """Both edges where the device can; a setting is only touched when it is not so already.

        Some drivers take one mode alone, and setting needs CAP_SYS_TIME: what cannot be set is done without.
        """
        cdef int caps = 0
        cdef int wanted
        cdef pps_kparams params
        memset(&params, 0, sizeof(params))
        if ioctl(self._fd, PPS_GETCAP, &caps) < 0 or ioctl(self._fd, PPS_GETPARAMS, &params) < 0:
            raise OSError(c_errno, os.strerror(c_errno), self.path)
        if not caps & PPS_CAPTUREASSERT:
            raise PulseError(f"{self.path}: captures no assert edges")
        wanted = caps & PPS_CAPTUREBOTH
        shifted = (params.mode & PPS_OFFSETASSERT and (params.assert_off_tu.sec or params.assert_off_tu.nsec)) or (
            params.mode & PPS_OFFSETCLEAR and (params.clear_off_tu.sec or params.clear_off_tu.nsec)
        )
        if params.mode & wanted != wanted or shifted:
            captured = params.mode
            memset(&params, 0, sizeof(params))
            params.api_version = PPS_API_VERS
            params.mode = wanted | PPS_TSFMT_TSPEC
            if ioctl(self._fd, PPS_SETPARAMS, &params) < 0:
                if shifted or not captured & PPS_CAPTUREASSERT:
                    raise PulseError(f"{self.path}: set up by another program, and no right to change it (CAP_SYS_TIME)")
                wanted = captured & PPS_CAPTUREBOTH
        self.captures_clear = bool(wanted & PPS_CAPTURECLEAR)

    def fetch(self) -> Pulse | None:
        """The newest edges if one has come since the last call, else None; never waits; PulseError.

        The first call only learns where the count stands, for that edge may be as old as the machine.
        """
        cdef pps_fdata data
        memset(&data, 0, sizeof(data))
        if self._fd < 0:
            raise PulseError(f"{self.path}: closed")
        if ioctl(self._fd, PPS_FETCH, &data) < 0:
            if c_errno == EINTR:
                return None
            raise PulseError(f"{self.path}: {why(c_errno)}")
        now = Pulse(
            data.info.assert_sequence,
            data.info.assert_tu.sec * 1000000000 + data.info.assert_tu.nsec,
            data.info.clear_sequence,
            data.info.clear_tu.sec * 1000000000 + data.info.clear_tu.nsec,
        )
        before = self._newest
        if before is not None and before[::2] == now[::2]:
            return None
        self.previous, self._newest = before, now
        return None if before is None else now

    def verify(self) -> None:
        """PulseError when the path has come to mean another device.

        To be asked when pulses stay away: a descriptor of a removed device answers on with its last edge.
        """
        if self._identity is not None and _identity(self.path) != self._identity:
            raise PulseError(f"{self.path}: the device has gone")

    def fileno(self) -> int | None:
        """None: there is nothing to wait on."""
        return None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


cdef _identity(path):
    """What tells a device from its successor of the same name; None where it cannot be asked."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_rdev)
