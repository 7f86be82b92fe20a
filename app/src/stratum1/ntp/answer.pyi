from typing import NamedTuple

from stratum1.ntp.access import Policy
from stratum1.ntp.verdicts import Verdict

def measure_precision() -> int: ...

class Outcome(NamedTuple):
    verdict: Verdict
    data: bytes | None
    wants_transmit_stamp: bool

class Answerer:
    def __init__(self, rules: Policy, *, rows: int = 64, precision: int = -24, seed: bytes | None = None) -> None: ...
    def use(self, rules: Policy) -> None: ...
    def answer(
        self,
        data: bytes,
        *,
        source: str = "127.0.0.1",
        receive_ns: int,
        transmit_ns: int,
        monotonic_ns: int,
        page: bytes | None = None,
        now_ns: int | None = None,
    ) -> Outcome: ...
    def sent(self, kernel_ns: int) -> None: ...
