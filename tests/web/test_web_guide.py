# SPDX-License-Identifier: MIT
"""The lines to copy hold the address that the reader used, and nothing that a reader slipped in."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.network import Address
from stratum1.paths import Paths
from stratum1.settings import Settings
from stratum1.web.app import create_app
from stratum1.web.guide import host_of, recipes


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("stratum1.local", "stratum1.local"),
        ("192.168.1.5:8080", "192.168.1.5"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("[::1]", "::1"),
        ("box", "box"),
        ("evil'; rm -rf /", None),
        ('a"b', None),
        ("[zz]", None),
        ("", None),
        ("a b", None),
        ("-x", None),
    ],
)
def test_the_host_is_taken_from_the_header_or_refused(header: str, host: str | None) -> None:
    assert host_of(header) == host


@given(st.text(max_size=300))
def test_no_header_brings_a_character_that_a_shell_would_read(header: str) -> None:
    host = host_of(header)
    assert host is None or re.fullmatch(r"[A-Za-z0-9.:-]+", host)


def test_a_port_other_than_123_is_in_the_line_or_named_as_the_problem() -> None:
    for recipe in recipes("192.168.1.5", 11123, "192.168.1.5", "2001:db8::5"):
        assert "port 11123" in recipe.lines or "11123" in recipe.problem, recipe.key


def test_on_the_standard_port_every_recipe_works_as_it_is() -> None:
    found = {recipe.key: recipe for recipe in recipes("192.168.1.5", 123, "192.168.1.5", "2001:db8::5")}
    assert not any(recipe.problem for recipe in found.values())
    assert found["chrony"].lines == "server 192.168.1.5 iburst"
    assert found["timesyncd"].lines == "[Time]\nNTP=192.168.1.5"
    assert '"192.168.1.5,0x8"' in found["windows"].lines
    assert "-setnetworktimeserver 192.168.1.5\n" in found["macos"].lines
    for option_42 in ("dhcp", "openwrt", "dhcpd", "mikrotik", "dhcpwindows"):
        assert "192.168.1.5" in found[option_42].lines
    assert found["dhcp6"].lines == "dhcp-option=option6:ntp-server,[2001:db8::5]"


def test_dhcp_hands_out_the_address_of_the_box_and_never_a_name() -> None:
    found = {recipe.key: recipe for recipe in recipes("stratum1.local", 123, "10.0.0.5", "")}
    assert found["dhcp"].lines == "dhcp-option=option:ntp-server,10.0.0.5"
    assert found["dhcp6"].lines == "" and "none but link-local" in found["dhcp6"].problem
    assert recipes("fe80::1", 123)[-1].lines == "", "a link-local address is of no use to others"
    nowhere = {recipe.key: recipe for recipe in recipes("stratum1.local", 123)}
    assert nowhere["dhcp"].lines == "" and "IPv4 addresses" in nowhere["dhcp"].problem


def test_the_page_names_the_address_it_was_opened_by_and_the_others(paths: Paths) -> None:
    app = create_app(paths, Settings())
    app.extensions["box"].addresses = lambda: (
        Address("eth0", ip_address("192.168.7.9")),
        Address("eth0", ip_address("2001:db8::9")),
    )
    page = app.test_client().get("/help", headers={"Host": "clock.lan"}).text
    assert "server clock.lan iburst" in page and "option ntp-servers 192.168.7.9;" in page
    assert "<code>2001:db8::9</code>" in page
    assert 'href="/help"' in app.test_client().get("/").text
