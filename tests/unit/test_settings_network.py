# SPDX-License-Identifier: MIT
"""What may be set of the network leaves the box reachable: a host's address, and a router that is its neighbour."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.settings import Settings, SettingsError, command, load

STATIC = {"ipv4": "static", "ipv4_address": "192.168.1.5/24"}
STATIC6 = {"ipv6": "static", "ipv6_address": "2001:db8::5/64"}


def refused(table: dict[str, Any]) -> dict[str, str]:
    try:
        Settings.from_tables({"network": table})
    except SettingsError as error:
        return {key.removeprefix("network."): line for key, line in error.problems.items()}
    return {}


@pytest.mark.parametrize(
    "table",
    [
        {},
        STATIC,
        {**STATIC, "ipv4_gateway": "192.168.1.1", "dns": ["192.168.1.1", "2001:db8::1"]},
        {"ipv4": "static", "ipv4_address": "10.0.0.0/31", "ipv4_gateway": "10.0.0.1"},
        {**STATIC6, "ipv6_gateway": "fe80::1"},
        {**STATIC6, "ipv6_gateway": "2001:db8::1"},
        {"vlan": 4094},
        {"device": "wifi", "wifi_ssid": "Haus am Fluß", "wifi_passphrase": 'a "b" \\ c', "wifi_country": "DE"},
        {"wifi_ssid": "x", "wifi_passphrase": "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789"},
        # Remembered, but not in force: what it says of the network does not count.
        {"ipv4_address": "192.168.1.5/24", "ipv4_gateway": "10.0.0.1"},
    ],
)
def test_what_can_work_is_taken(table: dict[str, Any]) -> None:
    assert refused(table) == {}


@pytest.mark.parametrize(
    ("table", "key", "says"),
    [
        ({"ipv4": "static"}, "ipv4_address", "want an address"),
        ({"ipv6": "static"}, "ipv6_address", "want an address"),
        ({"ipv4_address": "192.168.1.5"}, "ipv4_address", "length of its network"),
        ({"ipv4_address": "192.168.1.5/255.255.255.0"}, "ipv4_address", "length of its network"),
        ({"ipv4_address": "192.168.1.0/24"}, "ipv4_address", "whole network"),
        ({"ipv4_address": "192.168.1.255/24"}, "ipv4_address", "whole network"),
        ({"ipv4_address": "224.0.0.1/24"}, "ipv4_address", "cannot be"),
        ({"ipv4_address": "127.0.0.1/8"}, "ipv4_address", "cannot be"),
        ({"ipv4_address": "250.0.0.1/8"}, "ipv4_address", "reserved"),
        ({"ipv6_address": "fe80::5/64"}, "ipv6_address", "cannot be"),
        ({"ipv6_address": "2001:db8::/64"}, "ipv6_address", "whole network"),
        ({"ipv6_address": "192.168.1.5/24"}, "ipv6_address", "no address"),
        ({**STATIC, "ipv4_gateway": "192.168.2.1"}, "ipv4_gateway", "not in the network 192.168.1.0/24"),
        ({**STATIC, "ipv4_gateway": "192.168.1.5"}, "ipv4_gateway", "the box itself"),
        ({"ipv4_gateway": "fe80::1"}, "ipv4_gateway", "no IPv4 address"),
        ({**STATIC6, "ipv6_gateway": "2001:db8:1::1"}, "ipv6_gateway", "not in the network"),
        ({**STATIC6, "ipv6_gateway": "fe80::1%eth0"}, "ipv6_gateway", "names an interface"),
        ({"dns": ["example.org"]}, "dns", "no IP address"),
        ({"dns": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"]}, "dns", "at most 3"),
        ({"vlan": 4095}, "vlan", "at most 4094"),
        ({"vlan": -1}, "vlan", "at least 0"),
        ({"wifi_ssid": "ü" * 17}, "wifi_ssid", "32 bytes"),
        ({"wifi_passphrase": "7 chars"}, "wifi_passphrase", "8 to 63"),
        ({"wifi_passphrase": "x" * 64}, "wifi_passphrase", "8 to 63"),
        ({"wifi_passphrase": "pässword"}, "wifi_passphrase", "ASCII"),
        ({"wifi_country": "de"}, "wifi_country", "two capitals"),
        ({"device": "wifi"}, "wifi_ssid", "want the name"),
        ({"device": "wifi", "wifi_ssid": "x", "vlan": 5}, "vlan", "no VLANs"),
    ],
)
def test_what_cannot_work_is_refused_at_its_key(table: dict[str, Any], key: str, says: str) -> None:
    found = refused(table)
    assert list(found) == [key] and says in found[key]


def test_a_refusal_does_not_repeat_a_passphrase() -> None:
    assert "hunter2" not in str(refused({"wifi_passphrase": "hunter2"}))


addresses = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)


@given(
    version=st.sampled_from([4, 6]),
    data=st.data(),
    length=st.integers(0, 128),
    gateway=addresses | st.just("") | st.text(max_size=8),
)
def test_whatever_is_taken_is_an_address_of_a_host_with_a_router_beside_it(
    version: int, data: st.DataObject, length: int, gateway: str
) -> None:
    address = f"{data.draw(st.ip_addresses(v=version))}/{length}"  # type: ignore[arg-type]
    name = f"ipv{version}"
    table = {name: "static", f"{name}_address": address, f"{name}_gateway": gateway}
    if refused(table):
        return
    own = ipaddress.ip_interface(address)
    assert own.version == version and not own.is_multicast and not own.ip.is_loopback
    if length < own.max_prefixlen - 1:
        assert own.ip != own.network.network_address
    if gateway:
        router = ipaddress.ip_address(gateway)
        assert router.version == version and router != own.ip
        assert router in own.network or router.is_link_local


@given(host=st.integers(1, 253), other=st.integers(1, 253), length=st.integers(16, 24))
def test_every_usual_home_network_is_taken(host: int, other: int, length: int) -> None:
    table = {**STATIC, "ipv4_address": f"192.168.1.{host}/{length}", "ipv4_gateway": f"192.168.1.{other}"}
    assert list(refused(table)) == (["ipv4_gateway"] if host == other else [])


@pytest.mark.parametrize(
    ("tables", "key", "says"),
    [
        ({"mail": {"server": "mail.example.org"}}, "mail.sender", "want an address"),
        ({"mail": {"sender": "time"}}, "mail.sender", "no e-mail address"),
        ({"mail": {"to": ["a@b.c", "x\u00e4@b.c"]}}, "mail.to", "no e-mail address"),
        ({"webhook": {"url": "ftp://example.org"}}, "webhook.url", "web service"),
        ({"webhook": {"url": "https://"}}, "webhook.url", "web service"),
        ({"webhook": {"url": "https://u:p@example.org/"}}, "webhook.url", "no user"),
        ({"webhook": {"url": "http://example.org/", "token": "x"}}, "webhook.url", "not sent unencrypted"),
        ({"mqtt": {"topic": "a/#"}}, "mqtt.topic", "no topic"),
        ({"mqtt": {"topic": ""}}, "mqtt.topic", "no topic"),
        ({"syslog": {"server": "log server"}}, "syslog.server", "no name or address"),
    ],
)
def test_ways_of_alarms_are_checked(tables: dict[str, Any], key: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_tables(tables)
    assert key in caught.value.problems and says in caught.value.problems[key]


def test_no_password_is_sent_readable() -> None:
    mail = {"server": "mail", "sender": "a@b.c", "to": ["d@e.f"], "user": "me", "security": "none"}
    with pytest.raises(SettingsError, match="not sent unencrypted"):
        Settings.from_tables({"mail": mail})


def test_the_command_line_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRATUM1_DATA", str(tmp_path))
    assert command.main(["set", "network.wifi_passphrase", "hush hush"]) == 0
    assert load(tmp_path / "stratum1.toml").settings.network.wifi_passphrase == "hush hush"
    for words in (["show"], ["get", "network.wifi_passphrase"]):
        assert command.main(words) == 0
        shown = capsys.readouterr().out
        assert "hush" not in shown and "(set, not shown)" in shown
