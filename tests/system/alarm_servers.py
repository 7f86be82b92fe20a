# SPDX-License-Identifier: MIT
"""Small real servers on the loopback address that take what alarms are sent over: syslog, e-mail, a web service."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> Path:
    """Key and certificate of "localhost" in one file, which who trusts it names in SSL_CERT_FILE."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    key, own, both = folder / "key.pem", folder / "own.pem", folder / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost"
    extra = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(own)]
    subprocess.run([*command.split(), *extra], check=True, capture_output=True, timeout=60)
    both.write_text(key.read_text() + own.read_text())
    return both


def trusting(path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(path))


def serving(path: Path) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(path)
    return found


class Syslog:
    """Takes records over UDP and TCP on one port."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._tcp.getsockname()[1]
        self._udp.bind(("127.0.0.1", self.port))
        for run in (self._packets, self._streams):
            threading.Thread(target=run, daemon=True).start()

    def _packets(self) -> None:
        while True:
            try:
                self.records.append(self._udp.recv(65536))
            except OSError:
                return

    def _streams(self) -> None:
        while True:
            try:
                stream, _ = self._tcp.accept()
            except OSError:
                return
            with stream, stream.makefile("rb") as file:
                content = file.read()
            length, _, rest = content.partition(b" ")
            assert int(length) == len(rest), "octet counting, RFC 6587 section 3.4.1"
            self.records.append(rest)

    def close(self) -> None:
        for sock in (self._udp, self._tcp):
            sock.shutdown(socket.SHUT_RDWR) if sock is self._tcp else None
            sock.close()


class Smtp(socketserver.ThreadingTCPServer):
    """RFC 5321 as far as a client that hands mail in needs it, with STARTTLS and AUTH PLAIN."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None, *, at_once: bool = False, user: str = "", password: str = ""):
        self.tls, self.at_once = tls, at_once
        self.login = f"\0{user}\0{password}" if user else ""
        self.letters: list[EmailMessage] = []
        self.refuse: str = ""
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _SmtpTalk)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _SmtpTalk(socketserver.BaseRequestHandler):
    server: Smtp

    def handle(self) -> None:
        self.server.connections += 1
        stream: socket.socket = self.request
        secure = self.server.at_once
        if secure and self.server.tls is not None:
            try:
                stream = self.server.tls.wrap_socket(stream, server_side=True)
            except (ssl.SSLError, OSError):
                return
        file = stream.makefile("rwb")
        known = not self.server.login

        def say(line: str) -> None:
            file.write(f"{line}\r\n".encode())
            file.flush()

        say("220 test")
        while line := file.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    say("250-test")
                    if self.server.tls is not None and not secure:
                        say("250-STARTTLS")
                    say("250 AUTH PLAIN" if secure else "250 HELP")
                case "STARTTLS" if self.server.tls is not None:
                    say("220 go")
                    try:
                        stream = self.server.tls.wrap_socket(stream, server_side=True)
                    except (ssl.SSLError, OSError):
                        return
                    file, secure = stream.makefile("rwb"), True
                case "AUTH":
                    known = base64.b64decode(rest.split()[1]).decode() == self.server.login
                    say("235 welcome" if known else "535 wrong user or password")
                case "MAIL" | "RCPT":
                    refused = self.server.refuse or ("" if known else "530 log in first")
                    say(refused or "250 ok")
                case "DATA":
                    say("354 go on")
                    lines = []
                    while (part := file.readline()) != b".\r\n":
                        lines.append(part)
                    letter = message_from_bytes(b"".join(lines), policy=policy.default)
                    assert isinstance(letter, EmailMessage)
                    self.server.letters.append(letter)
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("250 ok")


class Hook(ThreadingHTTPServer):
    """A web service that notes what is posted; `answer` is its status."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answer = 204
        super().__init__(("127.0.0.1", 0), _HookTalk)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.port: int = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: object, client_address: object) -> None:
        """A handshake that was refused is what a test wants."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _HookTalk(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posts.append((self.path, dict(self.headers), content))
        self.send_response(self.server.answer)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass
