# SPDX-License-Identifier: MIT
"""Clients whose only work is to set a clock, on a network of their own and without the right to set one.

What they would have done is in what they say; the last step fails, as it must here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from namespace import Namespace, peer
from process import Process, wait_for
from village import Village

from stratum1.tracking import State

SERVER = "10.9.0.1"


class Site:
    def __init__(self, village: Village, process: Process) -> None:
        self.client: Namespace = village.houses[0]
        self.process = process

    def bad(self) -> None:
        self.process.publish(state=State.UNSYNCHRONISED, stratum=0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    village = Village(1)
    try:
        process = Process(tmp_path / "responder", port=123, enter=village.centre.enter)
        wait_for(lambda: '"UP"' in village.houses[0].ip("-j", "addr", "show", "dev", "eth0").stdout)
        yield Site(village, process)
        process.end()
    finally:
        village.close()


def test_ntpd_that_sets_the_clock_once(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ntp.conf").write_text(f"server {SERVER} iburst\n")
    ask = ("timeout", "25", peer("ntpsec.ntpd"), "-q", "-g", "-n", "-c", str(tmp_path / "ntp.conf"))
    said = site.client.run(*ask)
    found = re.search(r"time (?:slew|set) ([-+][0-9.]+) ?s", said)
    assert found and abs(float(found[1])) < 0.01, said
    assert "Operation not permitted" in said, "it could have set this machine's clock"
    site.bad()
    said = site.client.run(*ask)
    assert "time slew" not in said and "time set" not in said, said


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may give the program folders and a user of its own")
def test_systemd_timesyncd(site: Site, tmp_path: Path) -> None:
    (tmp_path / "timesyncd.conf").write_text(f"[Time]\nNTP={SERVER}\nFallbackNTP=\n")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    # The program reads and writes at fixed places: it gets its own of each.
    script = f"""
        set -e
        mount -t tmpfs none /etc/systemd
        cp {tmp_path}/timesyncd.conf /etc/systemd/
        mount -t tmpfs none /run
        mount -t tmpfs none /var/lib
        mkdir -p /run/systemd/netif/links /run/systemd/timesync /var/lib/systemd/timesync
        chown 64999:64999 /run/systemd/timesync /var/lib/systemd/timesync
        export SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console
        exec timeout 8 setpriv --reuid=64999 --regid=64999 --clear-groups {peer("systemd-timesyncd.systemd-timesyncd")}
    """
    ask = ("unshare", "--mount", "sh", "-c", script)
    said = site.client.run(*ask)
    if "mount:" in said or "unshare:" in said:
        pytest.skip(said.strip())
    assert re.search(r"stratum +: 1\n", said) and re.search(r"reference +: PPS\n", said), said
    found = re.search(r"offset +: ([-+][0-9.]+) sec", said)
    assert found and abs(float(found[1])) < 0.01, said
    assert f"Contacted time server {SERVER}" in said
    assert "Failed to call clock_adjtime(): Operation not permitted" in said, "it could have set this machine's clock"
    site.bad()
    said = site.client.run(*ask)
    assert "Server is not synchronized" in said and "clock_adjtime" not in said, said
