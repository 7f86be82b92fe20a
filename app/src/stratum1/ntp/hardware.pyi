from collections.abc import Sequence
from typing import NamedTuple

class NicClock(NamedTuple):
    interface: int
    counter_ns: int
    kernel_ns: int
    gain: float = 0.0
    octet_ns: float = 0.0

class NicTable:
    def publish(self, clocks: Sequence[NicClock]) -> None: ...
    def received_ns(self, interface: int, counter_ns: int, kernel_ns: int, *, payload: int, ipv6: bool) -> int: ...
