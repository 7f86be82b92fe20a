from collections.abc import Iterable
from mmap import mmap
from typing import Any

LOCAL_NETWORKS: tuple[str, ...]

def expand(allow: Iterable[str], on_link: Iterable[str] = ()) -> list[str]: ...

class Policy:
    def __init__(
        self,
        *,
        allow: Iterable[str] = ("local",),
        on_link: Iterable[str] = (),
        everyone: bool = False,
        rate_per_minute: int = 0,
        rate_burst: int = 64,
        silent_before_first_lock: bool = False,
        interleaved: bool = True,
        crypto_nak: bool = False,
        control: bool = True,
        keys: Any | None = None,
        page: mmap | bytes | None = None,
        smear: tuple[int, int] | None = None,
        sole_address: str | None = None,
    ) -> None: ...
    def allows(self, address: str) -> bool: ...
    def local(self, address: str) -> bool: ...
