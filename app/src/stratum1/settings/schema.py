# SPDX-License-Identifier: MIT
"""Every setting of the appliance, with its default, limits and what it does.

The defaults serve a Raspberry Pi with a common GPS hat on a home network; no file is needed.
The page's forms and `stratum1 settings` are made from this.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

from stratum1.settings.alarms import Alarms, Mail, Mqtt, Syslog, Webhook, configured
from stratum1.settings.fields import SettingsError, option, parse
from stratum1.settings.network import Network
from stratum1.timescale import parse_iso_utc

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def _host_name(value: str) -> str | None:
    if re.fullmatch(_LABEL, value):
        return None
    return f"{value!r} is no host name, want letters, digits and dashes, at most 63"


def _networks(value: tuple[str, ...]) -> str | None:
    for item in value:
        if item == "local":
            continue
        try:
            ipaddress.ip_network(item)
        except ValueError as error:
            return f"{item!r}: {error}; want 'local' or a network like 192.168.1.0/24"
    return None


def _address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return f"{value!r} is no IP address"
    return None


def _broadcast(value: tuple[str, ...]) -> str | None:
    for item in value:
        if item == "subnet":
            continue
        try:
            ipaddress.ip_address(item)
        except ValueError:
            return f"{item!r} is no address; want one, or subnet"
    return None


def _servers(value: tuple[str, ...]) -> str | None:
    if len(value) > 8:
        return f"{len(value)} are too many, want at most 8"
    for item in value:
        if len(item) > 253 or not re.fullmatch(rf"{_LABEL}(\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", item):
            return f"{item!r} is no host name or address, want one like ntp1.example.org"
        if ":" in item and _address(item):
            return _address(item)
    if len({item.lower().rstrip(".") for item in value}) < len(value):
        return "the same server stands there twice"
    return None


def _zone(value: str) -> str | None:
    import zoneinfo

    if value == "UTC":
        return None
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return f"{value!r} is no known time zone, want one like Europe/Berlin or UTC"
    return None


_TAKEN_PINS = {2: "the I2C bus", 3: "the I2C bus", 14: "the receiver", 15: "the receiver"}
_TAKEN_PINS |= dict.fromkeys((4, 5, 18), "the pulse of common hats")


def _pin(value: int) -> str | None:
    if not 0 <= value <= 27:
        return f"{value} is no pin of the header, want 1 to 27, or 0 for none"
    if value in _TAKEN_PINS:
        return f"pin {value} belongs to {_TAKEN_PINS[value]}"
    return None


def _hours(value: str) -> str | None:
    time = r"([01]\d|2[0-3]):[0-5]\d"
    if value and not re.fullmatch(f"{time}-{time}", value):
        return f"{value!r} are no hours, want a span like 22:00-06:30"
    return None


def _message(value: str) -> str | None:
    for instant in re.findall(r"\{([^}]*)\}", value):
        try:
            parse_iso_utc(instant)
        except ValueError as error:
            return str(error)
    return None if len(value) <= 80 else "too long, want at most 80 letters"


def _height(value: int) -> str | None:
    return None if value in (32, 64) else f"{value} is no height of a panel, want 32 or 64"


def _zones(value: tuple[str, ...]) -> str | None:
    return next(filter(None, map(_zone, value)), None)


CONSTELLATIONS = ("gps", "galileo", "glonass", "beidou", "qzss", "sbas")


def _constellations(value: tuple[str, ...]) -> str | None:
    for item in value:
        if item not in CONSTELLATIONS:
            return f"{item!r} is no satellite system that is known, want some of {', '.join(CONSTELLATIONS)}"
    if value and not set(value) & set(CONSTELLATIONS[:4]):
        return "want one of gps, galileo, glonass and beidou at least: the others only help"
    return None


def _date(value: str) -> str | None:
    if value and not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", value):
        return f"{value!r} is no date, want one like 2037-01-31"
    return None


@dataclass(frozen=True, slots=True)
class System:
    name: str = option("stratum1", "Host name of the box, as the network sees it.", check=_host_name)
    zone: str = option("UTC", "Time zone of displays; what is served is always UTC.", check=_zone)


@dataclass(frozen=True, slots=True)
class Receiver:
    device: str = option("auto", "Serial device of the GPS receiver, or auto to look for it.")
    gpsd_port: int = option(2947, "TCP port on the loopback address where gpsd is asked.", minimum=1, maximum=65535)
    gpsd: str = option("gpsd", "The gpsd program, by name or path.")
    constellations: tuple[str, ...] = option(
        (), "Satellite systems that a u-blox shall use, as gps, galileo; empty = as it comes.", check=_constellations
    )
    on_spoofing: str = option(
        "alarm",
        "When signals seem to be forged: only raise the alarm, or also leave them for holdover.",
        choices=("alarm", "holdover"),
    )
    not_before: str = option(
        "",
        "A date that is surely past, as 2037-01-31: for a box kept for years with a receiver that tells old dates.",
        check=_date,
    )


@dataclass(frozen=True, slots=True)
class Pulse:
    device: str = option(
        "auto",
        "Where the pulse comes in: a PPS device, a PTP clock that captures it, a socket of simulated pulses, or auto.",
    )
    edge: str = option("auto", "Which edge of the pulse is the second.", choices=("auto", "assert", "clear"))
    delay_ns: int = option(
        0,
        "Antenna cable and interrupt latency: how late a pulse is stamped; taken off every stamp.",
        minimum=-1_000_000,
        maximum=1_000_000,
        unit="ns",
    )


@dataclass(frozen=True, slots=True)
class Timekeeper:
    labels: str = option(
        "gpsd",
        "What says which second a pulse names: gpsd's messages, or a system clock known to be right to 0.4 s.",
        choices=("gpsd", "system"),
    )
    steer: str = option(
        "kernel",
        "Whether the kernel clock is steered too, or only the correction is published.",
        choices=("kernel", "none"),
    )
    bound_limit_ms: float = option(
        10.0,
        "Holdover ends, and nobody is served, when the error bound passes this.",
        minimum=0.01,
        maximum=1000.0,
        unit="ms",
    )
    holdover_limit_h: float = option(
        24.0, "Holdover ends after this time whatever the bound.", minimum=0.0, maximum=720.0, unit="h"
    )
    serving: bool = option(True, "False makes every answer say unsynchronised: the manual stop switch.")


@dataclass(frozen=True, slots=True)
class Ntp:
    port: int = option(123, "UDP port on which time is served.", minimum=1, maximum=65535)
    ipv4: bool = option(True, "Serve on IPv4.")
    ipv6: bool = option(True, "Serve on IPv6.")
    workers: int = option(0, "Answering threads; 0 = one per core, at most 4.", minimum=0, maximum=16)
    allow: tuple[str, ...] = option(
        ("local",), "Networks that are answered; local = private, link-local and loopback ranges.", check=_networks
    )
    everyone: bool = option(False, "Answer any address, as a public server does.")
    rate_per_minute: int = option(
        600,
        "Requests per minute that one address may send in the long run (IPv4 /32, IPv6 /64); 0 = no limit.",
        minimum=0,
        maximum=10_000_000,
    )
    rate_burst: int = option(64, "Requests that may come at once before the rate counts.", minimum=8, maximum=1_000_000)
    clients: int = option(4096, "Rows of the table of clients.", minimum=64, maximum=65536)
    silent_before_first_lock: bool = option(
        False,
        "Answer nothing rather than 'unsynchronised' until the first lock.",
    )
    keys: str = option(
        "", "File of symmetric keys, in the form of ntpd and chrony; empty = ntp.keys in the data folder."
    )
    md5: bool = option(False, "Accept MD5 keys too, for old clients that know nothing better.")
    crypto_nak: bool = option(False, "Tell a client whose key is unknown or wrong (crypto-NAK), rather than be silent.")
    interleaved: bool = option(True, "Tell clients that ask for it when the answer before really left (RFC 9769).")
    control: bool = option(True, "Answer questions of ntpq and monitors (mode 6), read-only, on local networks.")
    smear: bool = option(
        False,
        "Spread a leap second over 24 h, noon to noon, rather than announce it; all servers of a site must agree.",
    )
    broadcast: tuple[str, ...] = option(
        (),
        "Where time is sent unasked: 224.0.1.1, ff02::101, a broadcast address, or subnet for that of each interface.",
        check=_broadcast,
    )
    broadcast_interval_s: int = option(64, "Time between two such packets.", minimum=8, maximum=4096, unit="s")
    broadcast_key: int = option(0, "Number of the key that signs them; 0 = none.", minimum=0, maximum=65535)
    time_protocol: bool = option(False, "Serve the Time protocol (RFC 868) on port 37, TCP and UDP.")
    daytime_protocol: bool = option(False, "Serve the Daytime protocol (RFC 867) on TCP port 13.")


@dataclass(frozen=True, slots=True)
class Upstream:
    servers: tuple[str, ...] = option(
        (),
        "Other NTP servers to compare this box's time with, by name or address; never followed. Three or more tell a "
        "wrong one from a right one; empty = nobody is asked.",
        check=_servers,
    )
    poll_s: int = option(64, "Time between two questions to the same server.", minimum=64, maximum=1024, unit="s")
    on_disagreement: str = option(
        "alarm",
        "What happens when at least two of them agree with each other and not with this box: alarm, or also holdover.",
        choices=("alarm", "holdover"),
    )


@dataclass(frozen=True, slots=True)
class Panel:
    device: str = option(
        "auto", "Where the panel is drawn: auto looks for an OLED on I2C.", choices=("auto", "picture", "none")
    )
    controller: str = option(
        "auto",
        "The OLED's controller, where it is not told right by itself (snow or a shifted picture).",
        choices=("auto", "ssd1306", "sh1106", "ssd1309"),
    )
    height: int = option(64, "Rows of the panel, 64 or 32; no OLED can tell.", check=_height)
    rotate: bool = option(False, "Turn the picture by 180 degrees.")
    brightness: int = option(160, "How bright an OLED is.", minimum=1, maximum=255)
    dim_after_s: int = option(
        600, "An OLED dims when no button was pressed for so long; 0 = never.", minimum=0, maximum=86_400, unit="s"
    )
    night: str = option(
        "", "Hours in which the panel is dark, as 22:00-06:30 in system.zone; empty = none.", check=_hours
    )
    cycle_s: int = option(
        0, "The pages take turns, each for so long; 0 = the clock stays.", minimum=0, maximum=3600, unit="s"
    )
    message: str = option(
        "",
        "A line below the time, such as ON AIR; {2026-12-31T23:00:00Z} in it becomes the time left until then.",
        check=_message,
    )
    wall: bool = option(False, "Also show a studio clock on the screen at the HDMI plug.")
    zones: tuple[str, ...] = option((), "Further time zones on the studio clock.", check=_zones)
    button_a: int = option(22, "BCM number of the first button's pin, to ground; 0 = none.", check=_pin)
    button_b: int = option(23, "BCM number of the second button's pin, to ground; 0 = none.", check=_pin)
    led_locked: int = option(0, "BCM number of a lamp that is lit while locked; 0 = none.", check=_pin)
    led_alarm: int = option(0, "BCM number of a lamp that is lit while a person is needed; 0 = none.", check=_pin)


@dataclass(frozen=True, slots=True)
class Web:
    address: str = option("::", "Address on which the page is served; :: is every address.", check=_address)
    port: int = option(80, "TCP port of the page.", minimum=1, maximum=65535)
    https: str = option(
        "on",
        "Encrypted pages: off, on beside plain ones, or only, where plain ones lead to them.",
        choices=("off", "on", "only"),
    )
    https_port: int = option(443, "TCP port of the encrypted pages.", minimum=1, maximum=65535)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; each section is immutable, a change makes a new object (see `changed`)."""

    system: System = field(default_factory=System)
    network: Network = field(default_factory=Network)
    receiver: Receiver = field(default_factory=Receiver)
    pulse: Pulse = field(default_factory=Pulse)
    timekeeper: Timekeeper = field(default_factory=Timekeeper)
    ntp: Ntp = field(default_factory=Ntp)
    upstream: Upstream = field(default_factory=Upstream)
    panel: Panel = field(default_factory=Panel)
    web: Web = field(default_factory=Web)
    alarms: Alarms = field(default_factory=Alarms)
    syslog: Syslog = field(default_factory=Syslog)
    mail: Mail = field(default_factory=Mail)
    webhook: Webhook = field(default_factory=Webhook)
    mqtt: Mqtt = field(default_factory=Mqtt)

    @classmethod
    def from_tables(cls, tables: dict[str, Any]) -> Settings:
        """Settings from parsed TOML or JSON; SettingsError names every bad or unknown key at once."""
        problems: dict[str, str] = {}
        built: dict[str, Any] = {}
        sections = {f.name: f for f in dataclasses.fields(cls)}
        for name, table in tables.items():
            if name not in sections:
                problems[name] = f"unknown section, want one of {', '.join(sections)}"
            elif not isinstance(table, dict):
                problems[name] = "want a section of keys"
        for name, section in sections.items():
            table = tables.get(name, {})
            if isinstance(table, dict):
                built[name] = _build_section(name, section.default_factory, table, problems)  # type: ignore[arg-type]
        if problems:
            raise SettingsError(problems)
        return cls(**built)

    def tables(self) -> dict[str, dict[str, Any]]:
        """Only what differs from the defaults, ready to be written as TOML."""
        result: dict[str, dict[str, Any]] = {}
        for section in dataclasses.fields(self):
            values = getattr(self, section.name)
            for item in dataclasses.fields(values):
                value = getattr(values, item.name)
                if value != item.default:
                    plain = list(value) if isinstance(value, tuple) else value
                    result.setdefault(section.name, {})[item.name] = plain
        return result

    def ways(self) -> list[str]:
        """The sections over which alarms are told: those that name a server."""
        return configured(self.syslog, self.mail, self.webhook, self.mqtt)

    def without_secrets(self) -> Settings:
        """A copy for who may not know them: each secret has its default."""
        sections = {}
        for section in dataclasses.fields(self):
            values = getattr(self, section.name)
            hidden = {f.name: f.default for f in dataclasses.fields(values) if f.metadata["secret"]}
            sections[section.name] = dataclasses.replace(values, **hidden)
        return Settings(**sections)

    def with_secrets_of(self, other: Settings) -> Settings:
        """A copy in which each secret that has its default is that of `other`."""
        sections = {}
        for section in dataclasses.fields(self):
            values, others = getattr(self, section.name), getattr(other, section.name)
            kept = {
                f.name: getattr(others, f.name)
                for f in dataclasses.fields(values)
                if f.metadata["secret"] and getattr(values, f.name) == f.default
            }
            sections[section.name] = dataclasses.replace(values, **kept)
        return Settings(**sections)

    def changed(self, path: str, value: Any) -> Settings:
        """A copy with the key at `path` ("ntp.port") set to `value`; SettingsError when either is bad."""
        section, dot, key = path.partition(".")
        if not dot:
            raise SettingsError({path: "unknown key, want SECTION.KEY as in ntp.port"})
        tables = self.tables()
        tables.setdefault(section, {})[key] = value
        return Settings.from_tables(tables)


def _build_section(name: str, make: type[Any], table: dict[str, Any], problems: dict[str, str]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(make)}
    values: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{name}.{key}"
        if key not in fields:
            problems[path] = f"unknown key, want one of {', '.join(fields)}"
            continue
        try:
            values[key] = parse(fields[key], value)
        except ValueError as error:
            problems[path] = str(error)
    built = make(**values)
    if hasattr(built, "conflicts") and not any(path.startswith(f"{name}.") for path in problems):
        problems.update((f"{name}.{key}", line) for key, line in built.conflicts().items())
    return built
