# SPDX-License-Identifier: MIT
"""The lines to copy hold the address that the reader used, and nothing that a reader slipped in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    for recipe in recipes("192.168.1.5", 11123):
        assert "port 11123" in recipe.lines or "11123" in recipe.problem, recipe.key


def test_on_the_standard_port_every_recipe_works_as_it_is() -> None:
    found = {recipe.key: recipe for recipe in recipes("192.168.1.5", 123)}
    assert not any(recipe.problem for recipe in found.values())
    assert found["chrony"].lines == "server 192.168.1.5 iburst"
    assert found["timesyncd"].lines == "[Time]\nNTP=192.168.1.5"
    assert '"192.168.1.5,0x8"' in found["windows"].lines
    assert "-setnetworktimeserver 192.168.1.5\n" in found["macos"].lines
    assert found["dhcp"].lines.endswith(",192.168.1.5")


def test_dhcp_gets_no_name_for_an_address() -> None:
    dhcp = next(recipe for recipe in recipes("stratum1.local", 123) if recipe.key == "dhcp")
    assert dhcp.lines == "" and "IPv4 address" in dhcp.problem
