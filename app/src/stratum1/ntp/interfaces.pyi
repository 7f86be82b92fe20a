import ipaddress
from typing import NamedTuple

class Interface(NamedTuple):
    name: str
    address: ipaddress.IPv4Interface | ipaddress.IPv6Interface
    broadcast: str

def interfaces() -> list[Interface]: ...
