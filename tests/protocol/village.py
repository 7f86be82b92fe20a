# SPDX-License-Identifier: MIT
"""Networks of our own, wired to the first by virtual cables: 10.9.N.1 is the first's end, 10.9.N.2 the other's."""

from __future__ import annotations

import shutil

import pytest
from namespace import Namespace


class Village:
    """`centre` and `houses`, each a Namespace; house N is reached as `address(N)` and, by IPv6, `address6(N)`."""

    def __init__(self, houses: int) -> None:
        if shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
            pytest.skip("ip (iproute2) is not here")
        self._made: list[Namespace] = []
        try:
            self.centre = self._new()
            self.houses = [self._new() for _ in range(houses)]
            for number, house in enumerate(self.houses):
                self.plug(number, house)
        except BaseException:
            self.close()
            raise

    def _new(self) -> Namespace:
        self._made.append(Namespace())
        return self._made[-1]

    def plug(self, number: int, house: Namespace) -> None:
        """A cable from the centre's `houseN` to the house's `eth0`, with addresses of both families."""
        made = self.centre.ip(
            "link", "add", f"house{number}", "type", "veth", "peer", "name", "eth0", "netns", str(house.pid)
        )
        if made.returncode:
            pytest.skip(f"this machine does not let us make virtual cables: {made.stderr.strip()}")
        for end, device, last in ((self.centre, f"house{number}", 1), (house, "eth0", 2)):
            for command in (
                ("addr", "add", f"10.9.{number}.{last}/24", "dev", device),
                ("addr", "add", f"fd09:{number}::{last}/64", "dev", device, "nodad"),
                ("link", "set", device, "up"),
            ):
                done = end.ip(*command)
                assert done.returncode == 0, done.stderr

    def unplug(self, number: int) -> None:
        assert self.centre.ip("link", "del", f"house{number}").returncode == 0

    @staticmethod
    def address(number: int) -> str:
        return f"10.9.{number}.2"

    @staticmethod
    def address6(number: int) -> str:
        return f"fd09:{number}::2"

    def close(self) -> None:
        for one in self._made:
            one.close()
