# SPDX-License-Identifier: MIT
"""Key and certificate of the page: self-made at first, the owner's own when one is uploaded; one PEM file for both.

The program `openssl` makes and reads them; whether key and certificate belong together is for the TLS library to say,
which has to use them.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stratum1 import safefile
from stratum1.network import own_addresses
from stratum1.settings.schema import System
from stratum1.words.tongue import _

DAYS = 824
"""Browsers of Apple believe no certificate that is good for more than 825 days, not even one that its owner trusts."""
RENEWED_BEFORE = timedelta(days=30)
LARGEST = 65_536
SELF_MADE = "Self-made for "
"""How the file begins that this program may replace; what lies before the first PEM block is nobody's business."""
_PATIENCE_S = 20.0
_NO_CONFIGURATION = "[req]\ndistinguished_name = none\n[none]\n"


class CertificateError(Exception):
    """One line: what is wrong and what is wanted."""


@dataclass(frozen=True, slots=True)
class Certificate:
    subject: str
    issuer: str
    names: tuple[str, ...]
    """For which host names and addresses it is good."""
    begins: datetime
    ends: datetime
    fingerprint: str
    """SHA-256 as browsers show it, AA:BB:.."""
    made_for: str
    """The name of the box for which it was self-made; empty when it is the owner's own."""


def _openssl(arguments: Iterable[str], given: str) -> str:
    try:
        done = subprocess.run(
            ["openssl", *arguments], input=given, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )
    except FileNotFoundError:
        raise CertificateError(_("the program openssl is not there: install it (apt-get install openssl)")) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(_("openssl cannot be run: {error}").format(error=error)) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise CertificateError(_("openssl refuses: {reason}").format(reason=lines[0]))
    return done.stdout


def host_name(chosen: str) -> str:
    """How the network calls this machine: as the settings say, or else as its start scripts named it."""
    called = socket.gethostname().partition(".")[0]
    plain = re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", called)
    return called if chosen == System().name and plain else chosen


def make(name: str, addresses: Iterable[str]) -> bytes:
    """A new key on P-256 with a certificate that it signs itself, for the box called `name` at `addresses`; PEM."""
    names = [f"DNS:{name}.local", f"DNS:{name}", *(f"IP:{address}" for address in addresses)]
    pem = _openssl(
        (
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", str(DAYS)),
            *("-config", "/proc/self/fd/0", "-subj", f"/CN={name}.local"),
            *("-addext", f"subjectAltName={','.join(names)}", "-addext", "keyUsage=critical,digitalSignature"),
            *("-addext", "extendedKeyUsage=serverAuth", "-addext", "basicConstraints=critical,CA:FALSE"),
        ),
        _NO_CONFIGURATION,
    )
    return f"{SELF_MADE}{name}\n{pem}".encode("ascii")


def read(pem: bytes) -> Certificate:
    """What the first certificate of a PEM file says."""
    try:
        text = pem.decode("ascii")
    except UnicodeDecodeError:
        raise CertificateError(_("this is no PEM text, which begins with -----BEGIN")) from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise CertificateError(_("there is no certificate in it, which begins with -----BEGIN CERTIFICATE-----"))
    said = _openssl(
        (
            *("x509", "-noout", "-subject", "-issuer", "-dates", "-dateopt", "iso_8601", "-fingerprint", "-sha256"),
            *("-nameopt", "RFC2253", "-ext", "subjectAltName"),
        ),
        text[text.index("-----BEGIN CERTIFICATE-----") :],
    )
    lines = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    names = re.findall(r"(?:DNS|IP Address):([^\s,]+)", said)
    made = re.match(rf"{SELF_MADE}([a-zA-Z0-9-]+)\n", text)
    try:
        return Certificate(
            subject=lines["subject"],
            issuer=lines["issuer"],
            names=tuple(names),
            begins=_instant(lines["notBefore"]),
            ends=_instant(lines["notAfter"]),
            fingerprint=lines["sha256 Fingerprint"],
            made_for=made[1] if made else "",
        )
    except (KeyError, ValueError):
        raise CertificateError(_("openssl tells of it in a way that is not understood")) from None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().removesuffix("Z")).replace(tzinfo=UTC)


def refuse_encrypted() -> str:
    # Else the library would ask on a terminal that is not there.
    raise CertificateError(_("the key is encrypted: take its passphrase off first (openssl pkey -in key.pem)"))


def use(context: ssl.SSLContext, path: Path) -> None:
    """Have `context` show the certificate in the file; CertificateError when key and certificate do not do."""
    try:
        context.load_cert_chain(path, password=refuse_encrypted)
    except ssl.SSLError as error:
        said = {
            "KEY_VALUES_MISMATCH": "the key is not that of the certificate; the certificate of the box comes first",
            "NO_START_LINE": "want a certificate and its key, both in PEM",
            "EE_KEY_TOO_SMALL": "the key is too small, want 2048 bits of RSA or P-256 at least",
            "CA_MD_TOO_WEAK": "it is signed by a digest that is broken, want SHA-256",
        }
        reason = error.reason or "not understood"
        raise CertificateError(
            said.get(reason, f"the TLS library refuses it: {reason.replace('_', ' ').lower()}")
        ) from None
    except OSError as error:
        raise CertificateError(_("cannot be read: {error}").format(error=error.strerror)) from None


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def usable(pem: bytes) -> Certificate:
    """What the first certificate of `pem` says, if its key is there and goes with it; CertificateError else."""
    if len(pem) > LARGEST:
        raise CertificateError(_("too long, want at most {largest} bytes").format(largest=LARGEST))
    found = read(pem)
    if b"PRIVATE KEY-----" not in pem:
        raise CertificateError(_("there is no key in it, which begins with -----BEGIN PRIVATE KEY-----"))
    fd, name = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
        use(server_context(), Path(name))
    finally:
        os.unlink(name)
    return found


def checked(pem: bytes, now: datetime) -> Certificate:
    """As usable(), and it must be good from `now` on."""
    found = usable(pem)
    if found.ends <= now:
        raise CertificateError(_("it has expired on {ends:%Y-%m-%d}").format(ends=found.ends))
    return found


def ensure(path: Path, name: str, addresses: Iterable[str], now: datetime) -> None:
    """Have a certificate at `path`: a self-made one that is not there, ends soon or is for another name is made anew.

    One that the owner uploaded is never touched.
    """
    try:
        found = read(path.read_bytes())
        stale = found.made_for and (found.made_for != name or found.ends - now < RENEWED_BEFORE)
        if not stale:
            use(server_context(), path)
            return
    except (FileNotFoundError, CertificateError):
        pass
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from None
    pem = make(name, addresses)
    try:
        safefile.replace(path, pem)
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from None


def own_names(chosen: str) -> tuple[str, list[str]]:
    """For what a self-made one is good: the box's name, and the addresses of now but the link-local ones."""
    return host_name(chosen), [each.text for each in own_addresses() if not each.address.is_link_local]
