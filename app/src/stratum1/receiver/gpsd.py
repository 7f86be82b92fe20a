# SPDX-License-Identifier: MIT
"""A client of gpsd's JSON stream that never blocks, never raises and never grows.

The owner polls `fileno()` (for writing too while `wants_write`) and calls `receive()` when it is ready, and at least
once a second besides: connecting, connecting again and "nothing comes any more" all happen in there.
"""

from __future__ import annotations

import errno
import json
import os
import socket

from stratum1.receiver.events import Device, Epoch, Event, Gone
from stratum1.receiver.reports import Interpreter
from stratum1.receiver.talk import Ubx
from stratum1.receiver.utc import RELEASED_NS, UtcWatch
from stratum1.timescale import NS_PER_MS, NS_PER_S
from stratum1.tracking import Reason

# "pps" brings TOFF, "timing" sor and rtime in each TPV, "raw" what reports.py gets from dialects.py.
_WATCH = {"enable": True, "json": True, "raw": 1, "pps": True, "timing": True}
_WHICH = b"?DEVICES;\n"

_ASK_LEAPS = Ubx(0x01, 0x26).frame().hex()
"""NAV-TIMELS, polled: gpsd may have made it as rare as one in 255 epochs."""
_ASK_LEAPS_NS = 30 * NS_PER_S

_READ_BYTES = 16_384
_READS_PER_CALL = 4
"""What one call may read; whoever floods us is read further on the next turn of the owner's loop."""

_LINE_BYTES = 32_768
"""gpsd's longest report has about 15 kB; a longer line is skipped to its end."""

_RETRY_FIRST_NS = 250 * NS_PER_MS
_RETRY_LAST_NS = 4 * NS_PER_S
_CONNECT_NS = 5 * NS_PER_S
_ASK_NS = 2 * NS_PER_S
_SILENCE_NS = 4 * NS_PER_S
"""gpsd passes at least one sentence a second on while a receiver talks."""


class GpsdStream:
    """gpsd at `host`:`port`; `known_past_ns` is the later of build date and last good date, for `utc.resolve_date`."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 2947,
        known_past_ns: int = RELEASED_NS,
        device: str = "",
    ) -> None:
        """`device`: the one receiver to hear of; empty: whatever gpsd has."""
        self._device = device
        wanted = {**_WATCH, "device": device} if device else _WATCH
        self._watch = f"?WATCH={json.dumps(wanted, separators=(',', ':'))};\n".encode()
        self._address = (host, port)
        self._known_past_ns = known_past_ns
        self._utc = UtcWatch()
        self._interpreter = Interpreter(known_past_ns, self._utc, device)
        self._socket: socket.socket | None = None
        self._connected = False
        self._to_send = b""
        self._buffer = bytearray()
        self._skipping = False
        self._retry_ns = _RETRY_FIRST_NS
        self._attempt_ns: int | None = None
        self._heard_ns = 0
        self._asked_ns = 0
        self._leaps_asked_ns: int | None = None
        self._gone: Reason | None = None

    def fileno(self) -> int | None:
        """The socket to poll; None between two attempts to connect."""
        return None if self._socket is None else self._socket.fileno()

    @property
    def wants_write(self) -> bool:
        """Whether readiness for writing has news: a connection being made, or a request not yet sent."""
        return self._socket is not None and (not self._connected or bool(self._to_send))

    @property
    def known_past_ns(self) -> int:
        return self._known_past_ns

    @known_past_ns.setter
    def known_past_ns(self, value: int) -> None:
        """To be raised as good dates become known; a receiver that tells earlier ones is then not believed."""
        self._known_past_ns = self._interpreter.known_past_ns = value

    def receive(self, now_ns: int) -> list[Event]:
        """What became known since the last call; `now_ns` is CLOCK_REALTIME."""
        events: list[Event] = []
        try:
            if self._socket is None:
                self._connect_when_due(now_ns)
            if self._socket is not None and not self._connected:
                self._finish_connecting(now_ns)
            if self._connected:
                self._send()
                self._read(now_ns, events)
                self._ask_for_leaps(now_ns)
            if self._connected:
                self._notice_silence(now_ns, events)
        except OSError as error:
            self._drop(now_ns)
            events.append(
                Gone(
                    Reason.NO_GPSD,
                    f"gpsd on port {self._address[1]}: {error.strerror or error}",
                )
            )
        return self._once(events)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._connected = False

    def _connect_when_due(self, now_ns: int) -> None:
        # A stepped clock must not put the next attempt off, hence the lower end of the range.
        if self._attempt_ns is not None and 0 <= now_ns - self._attempt_ns < self._retry_ns:
            return
        self._attempt_ns = now_ns
        self._utc.reconnected()
        self._interpreter = Interpreter(self._known_past_ns, self._utc, self._device)
        self._buffer.clear()
        self._skipping = False
        self._leaps_asked_ns = None
        self._to_send = self._watch
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        code = self._socket.connect_ex(self._address)
        if code not in (0, errno.EINPROGRESS):
            raise OSError(code, os.strerror(code))

    def _finish_connecting(self, now_ns: int) -> None:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        try:
            self._socket.getpeername()
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            if not 0 <= now_ns - (self._attempt_ns or 0) < _CONNECT_NS:
                raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
            return
        self._connected = True
        self._heard_ns = now_ns

    def _ask_for_leaps(self, now_ns: int) -> None:
        """A u-blox of which it is not known yet whether it knows of a leap second is asked, now and then."""
        path = self._interpreter.wants_leaps
        asked_ns = self._leaps_asked_ns
        if not path or (asked_ns is not None and 0 <= now_ns - asked_ns < _ASK_LEAPS_NS):
            return
        self._leaps_asked_ns = now_ns
        order = {"path": path, "hexdata": _ASK_LEAPS}
        self._to_send += f"?DEVICE={json.dumps(order, separators=(',', ':'))};\n".encode()
        self._send()

    def _notice_silence(self, now_ns: int, events: list[Event]) -> None:
        if now_ns < self._heard_ns:
            self._heard_ns = self._asked_ns = now_ns  # somebody stepped the clock back
        silent_ns = now_ns - self._heard_ns
        if silent_ns >= _ASK_NS and now_ns - self._asked_ns >= _SILENCE_NS:
            # gpsd does not always tell that it has given a device up; asked first, so that the reason is the right one.
            self._asked_ns = now_ns
            self._to_send += _WHICH
            self._send()
        if silent_ns >= _SILENCE_NS:
            events.append(Gone(Reason.NO_MESSAGES, "gpsd is there, the receiver says nothing"))

    def _send(self) -> None:
        assert self._socket is not None
        try:
            while self._to_send:
                self._to_send = self._to_send[self._socket.send(self._to_send) :]
        except BlockingIOError:
            pass

    def _read(self, now_ns: int, events: list[Event]) -> None:
        assert self._socket is not None
        for _ in range(_READS_PER_CALL):
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                raise OSError(errno.ECONNRESET, "closed the connection")
            self._feed(data, now_ns, events)
            if len(data) < _READ_BYTES:
                return

    def _feed(self, data: bytes, now_ns: int, events: list[Event]) -> None:
        heard = self._interpreter.heard
        *lines, rest = data.split(b"\n")
        for end in lines:
            if not self._skipping and len(self._buffer) + len(end) <= _LINE_BYTES:
                events.extend(self._interpreter.line(bytes(self._buffer) + end, now_ns))
            self._buffer.clear()
            self._skipping = False
        if len(self._buffer) + len(rest) > _LINE_BYTES:
            self._buffer.clear()
            self._skipping = True
        elif not self._skipping:
            self._buffer += rest
        if self._interpreter.heard != heard:
            # gpsd answers also without a receiver: only what comes from one counts as heard.
            self._heard_ns = now_ns
            self._retry_ns = _RETRY_FIRST_NS

    def _drop(self, now_ns: int) -> None:
        self.close()
        self._attempt_ns = now_ns
        self._retry_ns = min(2 * self._retry_ns, _RETRY_LAST_NS)

    def _once(self, events: list[Event]) -> list[Event]:
        """Without the Gone that only repeat what is known."""
        fresh: list[Event] = []
        for event in events:
            if isinstance(event, Gone):
                # Silence is no news of a receiver that is known to be missing.
                known = self._gone == Reason.NO_RECEIVER and event.reason == Reason.NO_MESSAGES
                if known or event.reason == self._gone:
                    continue
                self._gone = event.reason
            elif isinstance(event, Epoch | Device):
                self._gone = None
            fresh.append(event)
        return fresh
