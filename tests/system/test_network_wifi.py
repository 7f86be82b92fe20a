# SPDX-License-Identifier: MIT
"""The real wpa_supplicant reads what the settings were turned into, and derives the key that every access point would.

No radio is needed for that: its driver is "none", in a network namespace of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from stratum1.netconfig.plan import supplicant
from stratum1.settings.network import Network

TOP = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("STRATUM1_PEERS", TOP / "build" / "peers")) / "bin"
PATIENCE_S = 30.0


def read_by_the_real_one(folder: Path, text: str) -> str:
    """What it says of a configuration until it would begin to search for networks, or gives up."""
    program = PEERS / "wpasupplicant.wpa_supplicant"
    if not program.exists():
        pytest.skip("wpa_supplicant is not unpacked; scripts/peers.sh gets it")
    if shutil.which("unshare") is None or subprocess.run(["unshare", "--net", "true"], check=False).returncode != 0:
        pytest.skip("this machine does not let us make a network namespace")
    file = folder / "wlan0.conf"
    file.write_text(text)
    # -K shows keys: these are the test's own.
    command = ["unshare", "--net", str(program), "-dd", "-K", "-i", "lo", "-D", "none", "-c", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    guard = threading.Timer(PATIENCE_S, process.kill)
    guard.start()
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.decode("utf-8", "replace"))
        if "Added interface" in lines[-1]:
            break
    guard.cancel()
    process.kill()
    process.wait()
    process.stdout.close()
    return "".join(lines)


def dumped(name: str, said: str) -> bytes:
    """A value as "hexdump_ascii" shows it: lines of at most 16 bytes in hexadecimal, then in letters."""
    lines = said.partition(f"{name} - hexdump_ascii")[2].splitlines()[1:]
    rows = itertools.takewhile(lambda line: line.startswith("     "), lines)
    return b"".join(bytes.fromhex(row[5:53]) for row in rows)


@pytest.mark.parametrize(
    ("ssid", "secret"),
    [
        ("home", "12345678"),
        ('Fluß "5"', 'say "friend" \\ 9'),
        ("  # x=1}", '"}'.ljust(63, "#")),
        ("raw", hashlib.sha256(b"x").hexdigest()),
    ],
)
def test_name_and_passphrase_arrive_as_they_were_typed(tmp_path: Path, ssid: str, secret: str) -> None:
    said = read_by_the_real_one(tmp_path, supplicant(Network(wifi_ssid=ssid, wifi_passphrase=secret)))
    assert "Added interface" in said, said
    key = secret if len(secret) == 64 else hashlib.pbkdf2_hmac("sha1", secret.encode(), ssid.encode(), 4096, 32).hex()
    assert key in said.replace(" ", ""), "IEEE 802.11 annex J.4"
    if len(secret) != 64:
        assert dumped("sae_password", said) == secret.encode()
    assert dumped("ssid", said) == ssid.encode()


def test_an_open_network_and_a_country_are_read(tmp_path: Path) -> None:
    said = read_by_the_real_one(tmp_path, supplicant(Network(wifi_ssid="open", wifi_country="DE")))
    assert "Added interface" in said and "country='DE'" in said and "key_mgmt: 0x4" in said


def test_what_is_wrong_would_have_been_seen(tmp_path: Path) -> None:
    text = supplicant(Network(wifi_ssid="home", wifi_passphrase="12345678"))
    text = re.sub("psk=.*", 'psk="1234567"', text)
    said = read_by_the_real_one(tmp_path, text)
    assert "Added interface" not in said and "Invalid passphrase" in said
