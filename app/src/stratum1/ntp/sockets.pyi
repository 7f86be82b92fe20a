from stratum1.ntp.access import Policy
from stratum1.ntp.hardware import NicTable

def set_timeout(fd: int, ms: int) -> None: ...
def stamp(fd: int) -> bool: ...
def steer(fd: int, count: int, ipv6: bool) -> bool: ...

class Worker:
    def __init__(
        self,
        fd: int,
        *,
        ipv6: bool,
        rules: Policy,
        block: memoryview | bytearray,
        rows: memoryview | bytearray,
        precision: int,
        thread: int,
        stamps: bool = True,
        control_fd: int = -1,
        nics: NicTable | None = None,
    ) -> None: ...
    def run(self) -> None: ...
    def stop(self) -> None: ...
    def use(self, rules: Policy) -> None: ...
    @property
    def turns(self) -> int: ...
