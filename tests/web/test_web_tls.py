# SPDX-License-Identifier: MIT
"""The same pages encrypted: nothing is lost on the way, nobody is locked out, and one bad visitor bothers no other."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime

import pytest
from snapshots import LOCKED, Publish

from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web import certificate
from stratum1.web.box import Box
from stratum1.web.doors import Doors
from stratum1.web.listen import listen

PATIENCE_S = 20.0


class Page:
    """Both doors of a box in this process, on ports of their own."""

    def __init__(self, paths: Paths, https: str, https_port: int = 0) -> None:
        settings = Settings().changed("web.https", https).changed("system.name", "clock")
        settings = settings.changed("web.address", "127.0.0.1").changed("web.https_port", https_port or free_port())
        self.box = Box(paths, settings)
        self._plain = listen("127.0.0.1", 0)
        self.port = self._plain.getsockname()[1]
        self.doors = Doors(self.box, self._plain)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError, ValueError):
            self.doors.run()

    def plain(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def encrypted(self) -> http.client.HTTPSConnection:
        """A browser that was told to trust this certificate, and that the box is called clock.local."""
        assert self.box.tls.port
        context = ssl.create_default_context(cafile=str(self.box.paths.tls_certificate))
        context.check_hostname = False  # it is asked by an address of this machine
        return http.client.HTTPSConnection("127.0.0.1", self.box.tls.port, timeout=PATIENCE_S, context=context)

    def close(self) -> None:
        self.box.close()
        self.doors.close()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def page(paths: Paths, publish: Publish) -> Iterator[Page]:
    publish(LOCKED)
    found = Page(paths, "on")
    yield found
    found.close()


def fetch(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> http.client.HTTPResponse:
    connection.request(method, path)
    return connection.getresponse()


def test_both_doors_lead_to_the_same_pages(page: Page) -> None:
    with closing(page.plain()) as plain, closing(page.encrypted()) as encrypted:
        for path in ("/static/page.css", "/api/v1/openapi.json", "/static/chart.js"):
            one, other = fetch(plain, path), fetch(encrypted, path)
            assert one.status == other.status == 200
            assert one.read() == other.read(), path


def test_events_come_as_they_happen(page: Page) -> None:
    with closing(page.encrypted()) as connection:
        answer = fetch(connection, "/api/v1/live")
        states = []
        while len(states) < 2:
            line = answer.readline()
            if line.startswith(b"data: "):
                states.append(json.loads(line[6:])["state"])
        assert states == ["LOCKED", "LOCKED"]


def test_many_at_once_get_whole_answers_over_and_over(page: Page) -> None:
    with closing(page.plain()) as plain:
        wanted = fetch(plain, "/static/page.css").read()
    bad: list[str] = []

    def visit() -> None:
        try:
            with closing(page.encrypted()) as connection:
                for _ in range(25):
                    connection.request("POST", "/login", body=b"x" * 40_000)
                    connection.getresponse().read()
                    if fetch(connection, "/static/page.css").read() != wanted:
                        bad.append("not whole")
        except OSError as error:
            bad.append(str(error))

    visitors = [threading.Thread(target=visit) for _ in range(8)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join(2 * PATIENCE_S)
    assert bad == [] and not any(each.is_alive() for each in visitors)


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\x00" * 5000, b""])
def test_who_does_not_speak_tls_bothers_nobody(page: Page, sent: bytes) -> None:
    assert page.box.tls.port
    with socket.create_connection(("127.0.0.1", page.box.tls.port), timeout=PATIENCE_S) as stranger:
        stranger.sendall(sent)
        with closing(page.encrypted()) as connection:
            assert fetch(connection, "/healthz").status == 200


def test_what_is_broken_is_not_spoken(page: Page) -> None:
    assert page.box.tls.port
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", page.box.tls.port), timeout=PATIENCE_S) as plain,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(plain)


def cookie(answer: http.client.HTTPResponse) -> str:
    answer.read()
    return answer.getheader("Set-Cookie") or ""


def test_a_session_that_was_encrypted_is_never_sent_in_the_clear(page: Page) -> None:
    with closing(page.plain()) as plain, closing(page.encrypted()) as encrypted:
        open_one, closed_one = cookie(fetch(plain, "/welcome")), cookie(fetch(encrypted, "/welcome"))
    assert closed_one.startswith("__Host-stratum1=") and "Secure" in closed_one and "Path=/" in closed_one
    assert open_one.startswith("stratum1=") and "Secure" not in open_one
    for each in (open_one, closed_one):
        assert "HttpOnly" in each and "SameSite=Strict" in each


def test_a_new_certificate_is_shown_without_a_restart(page: Page) -> None:
    with closing(page.encrypted()) as connection:
        assert fetch(connection, "/healthz").status == 200
    assert page.box.tls.context
    page.box.paths.tls_certificate.write_bytes(certificate.make("other", []))
    certificate.use(page.box.tls.context, page.box.paths.tls_certificate)
    with closing(page.encrypted()) as connection:  # believes the new one alone
        assert fetch(connection, "/healthz").status == 200


def test_only_encrypted_leads_there_and_takes_nothing_in_the_clear(paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    page = Page(paths, "only")
    with closing(page.plain()) as plain:
        answer = fetch(plain, "/history?span=day")
        assert answer.status == 308 and answer.read() is not None
        assert answer.getheader("Location") == f"https://127.0.0.1:{page.box.tls.port}/history?span=day"
        answer = fetch(plain, "/login", "POST")
        assert answer.status == 403 and b"in the clear" in answer.read()
        assert fetch(plain, "/healthz").status == 200
    with closing(page.encrypted()) as encrypted:
        assert fetch(encrypted, "/history").status == 200
    page.close()


@pytest.mark.parametrize("https", ["on", "only"])
def test_a_port_that_is_taken_leaves_the_plain_page(
    paths: Paths, https: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        page = Page(paths, https, taken.getsockname()[1])
        with closing(page.plain()) as plain:
            assert fetch(plain, "/history").status == 200
    assert "set web.https_port to a free port" in page.box.tls.problem
    assert capsys.readouterr().err.count("\n") == 1
    page.close()


def test_switched_off_there_is_one_door(paths: Paths) -> None:
    page = Page(paths, "off")
    assert page.box.tls.port is None and page.box.tls.problem == "" and not paths.tls_certificate.exists()
    page.close()


def test_a_half_open_door_is_closed_in_time(page: Page) -> None:
    assert page.box.tls.port
    with socket.create_connection(("127.0.0.1", page.box.tls.port), timeout=PATIENCE_S) as stranger:
        stranger.sendall(b"\x16\x03\x01\x02\x00")
        deadline = time.monotonic() + PATIENCE_S
        server = page.doors._tls
        assert server is not None
        while not server.active_channels:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.maintenance(time.time() + 3600)  # as the loop calls it every few seconds, an hour later
        stranger.settimeout(PATIENCE_S)
        assert stranger.recv(100) == b""


def test_the_certificate_is_for_this_box(page: Page) -> None:
    found = certificate.read(page.box.paths.tls_certificate.read_bytes())
    assert {"clock.local", "clock"} <= set(found.names) and found.ends > datetime.now(UTC)
