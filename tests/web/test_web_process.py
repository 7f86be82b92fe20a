# SPDX-License-Identifier: MIT
"""`stratum1 web` as a process: it starts, says what is wrong in one line, proves its life and ends when told."""

from __future__ import annotations

import http.cookiejar
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from snapshots import LOCKED, Publish
from visiting import token

from stratum1.heartbeat import VARIABLE, Heartbeat
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.supervisor.plans import LEAN
from stratum1.web import lean
from stratum1.web.life import Life
from stratum1.web.listen import listen
from stratum1.web.password import MEMORY_KIB, Passwords
from stratum1.web.trial import Trial

PATIENCE_S = 20.0
Start = Callable[..., "subprocess.Popen[str]"]


def free_port() -> int:
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_STREAM)) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(paths: Paths) -> Iterator[Start]:
    children: list[subprocess.Popen[str]] = []

    def run(**extra: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; from stratum1.web import main; sys.exit(main([]))"],
            env={**os.environ, **paths.environment(), **{k: str(v) for k, v in extra.items() if k.isupper()}},
            pass_fds=extra.get("pass_fds", ()),  # type: ignore[arg-type]
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


def choose(paths: Paths, port: int, address: str = "::") -> None:
    paths.settings.write_text(
        f'version = 1\n[web]\nport = {port}\naddress = "{address}"\nhttps = "off"\n', encoding="utf-8"
    )


def get(host: str, port: int, path: str) -> tuple[int, str]:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            assert time.monotonic() < deadline, "the page did not come up"
            time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_both_families_and_ends_when_told(paths: Paths, publish: Publish, start: Start, how: int) -> None:
    publish(LOCKED)
    port = free_port()
    choose(paths, port)
    child = start()
    assert get("127.0.0.1", port, "/healthz") == (200, get("[::1]", port, "/healthz")[1])
    # An open stream must not hold up the end.
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as viewer:
        viewer.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while b"data: " not in received:
            received += viewer.recv(4096)
        child.send_signal(how)
        assert child.wait(PATIENCE_S) == 0


def test_a_taken_port_is_one_line_and_status_2(paths: Paths, start: Start) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        choose(paths, port)
        child = start()
        _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 2
    assert said.count("\n") == 1 and f"port {port} is taken" in said and "web.port" in said


def test_an_address_of_another_machine_is_one_line_and_status_2(paths: Paths, start: Start) -> None:
    choose(paths, free_port(), "192.0.2.1")
    child = start()
    _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 2
    assert said.count("\n") == 1 and "192.0.2.1 is no address of this machine" in said


def test_an_impossible_new_address_on_trial_is_given_up_at_once(paths: Paths, start: Start) -> None:
    port = free_port()
    choose(paths, port)
    Trial(paths).begin(load(paths.settings).settings.web)
    choose(paths, port, "192.0.2.1")
    child = start()
    _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0 and "goes back to where it was" in said
    assert load(paths.settings).settings.web.address == "::"
    start()
    assert get("127.0.0.1", port, "/")[0] == 200


def test_sighup_takes_new_settings_and_restarts_only_for_a_new_port(paths: Paths, start: Start) -> None:
    port = free_port()
    choose(paths, port)
    child = start()
    assert "11123" not in get("127.0.0.1", port, "/")[1]
    with paths.settings.open("a", encoding="utf-8") as file:
        file.write("[ntp]\nport = 11123\n")
    child.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE_S
    while "port 11123" not in get("127.0.0.1", port, "/")[1]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert child.poll() is None
    choose(paths, free_port())
    child.send_signal(signal.SIGHUP)
    assert child.wait(PATIENCE_S) == 0


def test_the_heart_beats_while_it_answers_and_stops_when_it_hangs(paths: Paths, start: Start) -> None:
    port = free_port()
    choose(paths, port)
    reader, writer = os.pipe()
    try:
        child = start(pass_fds=(writer,), **{VARIABLE: writer})
        os.close(writer)
        assert select.select([reader], [], [], PATIENCE_S)[0], "no beat"
        assert set(os.read(reader, 64)) == {ord(".")}
        child.kill()
        child.wait()
        while os.read(reader, 64):
            pass
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("said", "alive"),
    [
        (b"", False),
        (b"SSH-2.0-x\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", False),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno", True),
    ],
    ids=["hangs up", "no HTTP", "breaks off", "answers that time is not served"],
)
def test_only_a_whole_answer_counts_as_life(said: bytes, alive: bool) -> None:
    with closing(listen("127.0.0.1", 0)) as server:
        life = Life(server.getsockname()[:2], Heartbeat())
        asked: list[bool] = []
        thread = threading.Thread(target=lambda: asked.append(life.ask()))
        thread.start()
        connection, _ = server.accept()
        assert connection.recv(100).startswith(b"GET /healthz")
        connection.sendall(said)
        connection.close()
        thread.join(PATIENCE_S)
    assert asked == [alive]


def test_without_ipv6_the_page_is_served_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def no_ipv6(family: int = -1, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, *rest)

    monkeypatch.setattr("stratum1.web.listen.socket.socket", no_ipv6)
    with closing(listen("::", 0)) as found:
        assert found.family == socket.AF_INET and found.getsockname()[0] == "0.0.0.0"


def test_what_a_server_never_calls_is_not_loaded_and_the_pages_are_served_all_the_same(
    paths: Paths, publish: Publish
) -> None:
    publish(LOCKED)
    script = """
import json, sys
from stratum1.web import lean
lean.begin()
from stratum1.paths import Paths
from stratum1.web.server import Doors  # all that the process loads
from stratum1.web.app import create_app
app = create_app(Paths.from_environment())
said = {}
for path in json.loads(sys.argv[1]):
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "x",
        "SERVER_PORT": "80", "HTTP_HOST": "192.0.2.1", "wsgi.url_scheme": "http", "REMOTE_ADDR": "192.0.2.9"}
    body = b"".join(app(environ, lambda status, headers: said.__setitem__(path, status[:3])))
heavy = {"argparse", "babel", "click.core", "ctypes", "http.client", "http.server", "importlib.metadata"}
print(json.dumps([said, sorted(heavy & sys.modules.keys())]))
"""
    wanted = ["/", "/history", "/sources", "/clients", "/help", "/clock", "/welcome", "/metrics", "/api/v1/status"]
    done = subprocess.run(
        [sys.executable, "-c", script, json.dumps(wanted)],
        env={**os.environ, **paths.environment(), **LEAN},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(done.stdout) == [dict.fromkeys(wanted, "200"), []]


def test_who_calls_what_was_left_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", {name: each for name, each in sys.modules.items() if name not in lean.PLACES})
    lean.begin()
    with pytest.raises(RuntimeError, match="left out"):
        sys.modules["werkzeug.serving"].run_simple("localhost", 80, None)


def test_the_memory_that_a_password_takes_is_given_back(paths: Paths, publish: Publish, start: Start) -> None:
    """Each check takes 19 MB; a crowd of them, one after the other, leaves less than one behind."""
    publish(LOCKED)
    port = free_port()
    choose(paths, port)
    Passwords(paths.web_password).choose("green teapot rides")
    child = start(**LEAN)
    assert get("127.0.0.1", port, "/login")[0] == 200

    def rss_kb() -> int:
        [line] = [line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if "VmRSS" in line]
        return int(line.split()[1])

    before = rss_kb()
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    for _ in range(3):
        page = visitor.open(f"http://127.0.0.1:{port}/login", timeout=PATIENCE_S).read().decode()
        form = {"csrf_token": token(page), "password": "not the password at all"}
        with pytest.raises(urllib.error.HTTPError, match="403"):
            visitor.open(f"http://127.0.0.1:{port}/login", urllib.parse.urlencode(form).encode(), timeout=PATIENCE_S)
    assert rss_kb() - before < MEMORY_KIB
