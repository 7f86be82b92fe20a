# SPDX-License-Identifier: MIT
"""Other people's programs ask a responder on port 123 of a network of its own; none of them can set a clock there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from namespace import Namespace, peer
from process import Process

from stratum1 import upstream
from stratum1.ntp.counters import CountersReader
from stratum1.paths import Paths
from stratum1.tracking import State


@dataclass
class Site:
    namespace: Namespace
    process: Process

    def run(self, name: str, *arguments: str) -> str:
        return self.namespace.run(peer(name), *arguments)

    def good(self) -> None:
        self.process.publish(
            pulses_accepted=1000,
            last_pulse_ns=time.time_ns(),
            fix_mode=3,
            jitter_ns=300_000,
            offset_ns=-120_000,
            tai_offset=37,
            message_delay_ns=130_000_000,
            pulse_device="/dev/pps0",
        )

    def bad(self) -> None:
        self.process.publish(state=State.UNSYNCHRONISED, stratum=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    namespace = Namespace()
    try:
        process = Process(
            tmp_path_factory.mktemp("site"), port=123, enter=namespace.enter, time_protocol=True, daytime_protocol=True
        )
        yield Site(namespace, process)
        process.end()
    finally:
        namespace.close()


@pytest.fixture
def site(whole: Site) -> Site:
    whole.good()
    return whole


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_chronyd_measures_us_and_refuses_leap_3(site: Site, address: str) -> None:
    ask = (
        "chrony.chronyd",
        "-Q",
        "-t",
        "8",
        "-u",
        "root",
        "-f",
        "/dev/null",
        "-d",
        f"server {address} iburst maxsamples 4",
    )
    said = site.run(*ask)
    found = re.search(r"System clock wrong by (-?[0-9.]+) seconds \(ignored\)", said)
    assert found and abs(float(found[1])) < 0.001, said
    site.bad()
    assert "System clock wrong" not in site.run(*ask)


def test_chronyd_in_interleaved_mode(site: Site) -> None:
    reader = CountersReader(site.process.run / "responder")
    before = reader.read()
    ask = "server 127.0.0.1 xleave minpoll -4 maxpoll -4"
    site.namespace.run(
        "timeout", "5", peer("chrony.chronyd"), "-x", "-u", "root", "-f", "/dev/null", "-d", ask, "cmdport 0"
    )
    after = reader.read()
    assert before is not None and after is not None
    assert after.total("interleaved") > before.total("interleaved")


def test_ntpdig_measures_us_and_refuses_leap_3(site: Site) -> None:
    said = json.loads(site.run("ntpsec-ntpdig.ntpdig", "-j", "127.0.0.1"))
    assert abs(said["offset"]) < 0.001 and said["stratum"] == 1 and said["leap"] == "no-leap"
    site.bad()
    assert "no eligible servers" in site.run("ntpsec-ntpdig.ntpdig", "-t", "1", "127.0.0.1")


def test_rdate_by_ntp_and_by_the_time_protocol(site: Site) -> None:
    said = site.run("rdate.rdate", "-n", "-p", "-v", "127.0.0.1")
    found = re.search(r"adjust local clock by (-?[0-9.]+) seconds", said)
    assert found and abs(float(found[1])) < 0.001, said
    assert str(time.gmtime().tm_year) in site.run("rdate.rdate", "-p", "127.0.0.1")
    site.bad()
    assert "adjust local clock" not in site.run("rdate.rdate", "-n", "-p", "-v", "127.0.0.1")


def test_ntpq_shows_the_pulses_and_the_messages(site: Site) -> None:
    rows = site.run("ntpsec.ntpq", "-pn", "127.0.0.1").splitlines()
    assert re.match(r"oPPS\(0\) +\.PPS\. +0 l +\S+ +16 +377 +0\.0000 +0\.1200 +0\.3000", rows[2]), rows
    assert re.match(r"\+GPS\(0\) +\.GPS\. +0 l +\S+ +16 +377 +0\.0000 -130\.000", rows[3]), rows
    site.bad()
    assert site.run("ntpsec.ntpq", "-pn", "127.0.0.1").splitlines()[2].startswith(" PPS(0)")


def test_ntpq_shows_upstream_servers_below_our_own_clocks(site: Site) -> None:
    server = upstream.Server(
        "192.0.2.1",
        address="192.0.2.1",
        tally=upstream.Tally.FALSETICKER,
        stratum=1,
        refid="GPS",
        reach=0o377,
        heard_ns=time.monotonic_ns() - 20 * 10**9,
        offset_ns=40_000_000,
        delay_ns=12_000_000,
    )
    folder = site.process.run
    paths = Paths(root=folder, run=folder, data=folder)
    upstream.write(paths, upstream.Upstream(servers=(server,), monotonic_ns=time.monotonic_ns()))
    try:
        rows = site.run("ntpsec.ntpq", "-pn", "127.0.0.1").splitlines()
        assert rows[2].startswith("oPPS(0)")
        assert re.match(r"x192\.0\.2\.1 +\.GPS\. +1 u +\d+ +64 +377 +12\.0000 +40\.0000", rows[4]), rows
    finally:
        paths.upstream_status.unlink()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("rv", r"leap=00, stratum=1, precision=-\d+.*refid=PPS.*tai=37.*expire=\d{8}0000"),
        ("rv 1", r"sel_pps\.peer.*srchost=\"PPS\(0\)\".*filtoffset ?="),
        ("rv 2", r"sel_candidate.*refid=GPS"),
        ("cv 1", r"device=\"/dev/pps0\""),
        ("as", r"9700 +yes +yes +none +pps\.peer"),
        ("kerninfo", r"frequency tolerance: +500"),
        ("sysinfo", r"system peer: +127\.127\.22\.0:123.*reference ID: +PPS"),
        ("sysstats", r"packets received: +\d+"),
        ("mrulist", r"127\.0\.0\.1|localhost"),
    ],
)
def test_ntpq_reads(site: Site, command: str, expected: str) -> None:
    site.run("ntpsec-ntpdig.ntpdig", "127.0.0.1")
    said = site.run("ntpsec.ntpq", "-n", "-c", command, "127.0.0.1")
    assert re.search(expected, said, re.DOTALL), said
    assert "Traceback" not in said


def test_ntptrace_ends_at_us(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ntpq").symlink_to(peer("ntpsec.ntpq"))
    (tmp_path / "ntpq").unlink()
    (tmp_path / "ntpq").write_text(f'#!/bin/sh\nexec "{peer("ntpsec.ntpq")}" "$@"\n')
    (tmp_path / "ntpq").chmod(0o755)
    said = site.namespace.run("env", f"PATH={tmp_path}:/usr/bin:/bin", peer("ntpsec.ntptrace"), "-n", "127.0.0.1")
    assert re.search(r"127\.0\.0\.1: stratum 1, offset .*refid 'PPS'", said), said


def test_nmap_reads_the_variables(site: Site) -> None:
    nmap = Path(peer("nmap.nmap"))
    data = nmap.parent.parent / "nmap" / "usr" / "share" / "nmap"
    said = site.namespace.run(
        str(nmap), "--datadir", str(data), "-sU", "-Pn", "-n", "-p", "123", "--script", "ntp-info", "127.0.0.1"
    )
    if "Operation not permitted" in said or "requires root" in said or "could not locate" in said:
        pytest.skip(said.strip().splitlines()[-1])
    assert "receive time stamp" in said and "stratum1" in said, said


def test_openntpd_measures_us_and_refuses_leap_3(site: Site, tmp_path: Path) -> None:
    program = peer("openntpd.ntpd")
    (tmp_path / "ntpd.conf").write_text("server 127.0.0.1\n")
    # It gives its rights to a user of its own, whom this machine may not have: a list of users for its eyes only.
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    users = Path("/etc/passwd").read_text(encoding="utf-8")
    users += "".join(f"{name}:x:64999:64999::{home}:/bin/false\n" for name in ("ntpd", "openntpd", "_ntp"))
    (tmp_path / "passwd").write_text(users, encoding="utf-8")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    script = (
        f"mount --bind {tmp_path}/passwd /etc/passwd && mount -t tmpfs none /var/lib && "
        f"mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db && "
        f"exec timeout 6 {program} -d -v -f {tmp_path}/ntpd.conf"
    )
    said = site.namespace.run("unshare", "--mount", "sh", "-c", script)
    if "mount:" in said or "unshare:" in said:
        pytest.skip(said.strip())
    assert re.search(r"reply from 127\.0\.0\.1: offset -?0\.000", said), said
    site.bad()
    said = site.namespace.run("unshare", "--mount", "sh", "-c", script)
    assert "not synced" in said and "offset" not in said, said
