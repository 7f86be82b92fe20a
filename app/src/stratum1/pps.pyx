# SPDX-License-Identifier: MIT
"""Pulses with kernel stamps: a PPS device (RFC 2783) or a socket of simulated pulses, behind one face.

A source is asked and never waits: poll() on a PPS device says "ready" at any time on many kernels,
so who waits knows when the next pulse is due and asks then.  A device that cannot be read comes out
as PulseError, whose text is for a person; opening it again is the caller's matter.
"""

import errno
import os
from typing import NamedTuple

from libc.errno cimport EINTR, errno as c_errno
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.string cimport memset

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


class PulseError(Exception):
    """The source cannot be read (any more); the text says which and why."""


class Pulse(NamedTuple):
    """The newest edges of a source; sequences count modulo 2**32, instants are CLOCK_REALTIME in ns.

    A source that captures no clear edges leaves clear_sequence at 0.
    """

    assert_sequence: int
    assert_ns: int
    clear_sequence: int
    clear_ns: int


class Edge(NamedTuple):
    """One edge that had not been seen before."""

    sequence: int
    stamp_ns: int
    clear: bool
    missed: int   # edges of this kind that came between this one and the last one seen


def new_edges(before: Pulse | None, now: Pulse) -> list[Edge]:
    """The edges of `now` that `before` had not, the older first; before=None: nothing was seen yet."""
    if before is None:
        before = Pulse((now.assert_sequence - 1) & 0xFFFFFFFF, 0, now.clear_sequence - 1 if now.clear_sequence else 0, 0)
    edges = []
    if now.assert_sequence != before.assert_sequence:
        edges.append(
            Edge(now.assert_sequence, now.assert_ns, False, _missed(before.assert_sequence, now.assert_sequence))
        )
    if now.clear_sequence != before.clear_sequence:
        edges.append(Edge(now.clear_sequence, now.clear_ns, True, _missed(before.clear_sequence, now.clear_sequence)))
    if len(edges) == 2 and edges[1].stamp_ns < edges[0].stamp_ns:
        edges.reverse()
    return edges


cdef _missed(before, now):
    """0 as well when the count went back: then the source began anew and nobody knows."""
    ahead = (now - before) & 0xFFFFFFFF
    return ahead - 1 if 0 < ahead < 0x80000000 else 0


cdef str _why(int number):
    return {
        errno.ENOENT: "no such device",
        errno.ENODEV: "the device has gone",
        errno.ENXIO: "the device has gone",
        errno.EIO: "the device has gone",
        errno.EACCES: "no permission to read it",
        errno.EPERM: "no permission to read it",
        errno.ENOTTY: "is no PPS device",
        errno.EINVAL: "is no PPS device",
        errno.ECONNREFUSED: "nobody sends pulses there",
    }.get(number, os.strerror(number))


cdef class KernelPulses:
    """A PPS device of the kernel, /dev/ppsN, by the ioctls of <linux/pps.h>."""

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
            raise PulseError(f"{self.path}: {_why(c_errno)}")
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
            raise PulseError(f"{self.path}: {_why(c_errno)}")
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


class SocketPulses:
    """Simulated pulses from a Unix stream socket: records of 32 bytes, see docs/architecture.md."""

    RECORD = 32
    captures_clear = True

    def __init__(self, path):
        import socket

        self.path = os.fspath(path)
        self.previous = None
        self._newest = None
        self._partial = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(self.path)
        except BaseException:
            self._socket.close()
            raise

    def fetch(self) -> Pulse | None:
        """The next record, None when all are read; PulseError at the end of the stream."""
        while len(self._partial) < self.RECORD:
            try:
                got = self._socket.recv(4096)
            except BlockingIOError:
                return None
            except OSError as error:
                raise PulseError(f"{self.path}: {_why(error.errno)}") from None
            if not got:
                raise PulseError(f"{self.path}: the simulated hat has gone")
            self._partial += got
        pulse = parse_record(self._partial[: self.RECORD])
        self._partial = self._partial[self.RECORD :]
        self.previous, self._newest = self._newest, pulse
        return pulse

    def verify(self) -> None:
        """Nothing to ask: a stream tells its own end."""

    def fileno(self) -> int | None:
        """To wait on until there is something to fetch."""
        fd = self._socket.fileno()
        return fd if fd >= 0 else None

    def close(self) -> None:
        self._socket.close()


def parse_record(record: bytes) -> Pulse:
    """One record of the pulse socket."""
    import struct

    assert_sequence, clear_sequence, assert_ns, clear_ns, _ = struct.unpack("=IIqqq", record)
    return Pulse(assert_sequence, assert_ns, clear_sequence, clear_ns)


def open_source(path) -> "PulseSource":
    """The source at `path`, a PPS device or a Unix socket; PulseError when it cannot be opened.

    open() itself tells which of the two it is (ENXIO for a socket), so that nothing is asked
    of the path that a stand-in for the device might not answer.
    """
    try:
        try:
            return KernelPulses(path)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            return SocketPulses(path)
    except OSError as error:
        raise PulseError(f"{os.fspath(path)}: {_why(error.errno)}") from None


def device_name(sys, path) -> str:
    """A PPS device as a person would know it: "pps1 (pps@12.-1)", from its sysfs entry below `sys`."""
    node = os.path.basename(os.fspath(path))
    try:
        with open(os.path.join(sys, "class", "pps", node, "name"), encoding="utf-8", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        name = ""
    return f"{node} ({name})" if name else node


def devices(dev) -> list[str]:
    """Every PPS device below `dev`, in the order of its number."""
    try:
        names = [name for name in os.listdir(dev) if name[:3] == "pps" and name[3:].isdigit()]
    except OSError:
        return []
    return [os.path.join(dev, name) for name in sorted(names, key=lambda name: int(name[3:]))]
