# SPDX-License-Identifier: MIT
"""Where things lie: the one place that knows a folder.

`root` is put in front of what the kernel offers (/dev, /proc, /sys, /boot), so that a test can show
the program another machine; `run` holds what lives until power-off, `data` what survives it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paths:
    root: Path
    run: Path
    data: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Paths:
        """STRATUM1_ROOT, STRATUM1_RUN and STRATUM1_DATA, or the appliance's own folders."""
        return cls(
            root=Path(environ.get("STRATUM1_ROOT", "/")),
            run=Path(environ.get("STRATUM1_RUN", "/run/stratum1")),
            data=Path(environ.get("STRATUM1_DATA", "/data/stratum1")),
        )

    def environment(self) -> dict[str, str]:
        """What a child process needs to find the same folders."""
        return {
            "STRATUM1_ROOT": str(self.root),
            "STRATUM1_RUN": str(self.run),
            "STRATUM1_DATA": str(self.data),
        }

    @property
    def dev(self) -> Path:
        return self.root / "dev"

    @property
    def zoneinfo(self) -> Path:
        """Where tzdata is, which has a table of leap seconds on some systems."""
        return self.root / "usr/share/zoneinfo"

    @property
    def sys(self) -> Path:
        return self.root / "sys"

    @property
    def proc(self) -> Path:
        return self.root / "proc"

    @property
    def boot(self) -> Path:
        return self.root / "boot"

    @property
    def tracking(self) -> Path:
        """The shared snapshot of the timekeeper."""
        return self.run / "tracking"

    @property
    def responder_counters(self) -> Path:
        """What the responder counted, for the panel, the page and the metrics."""
        return self.run / "responder"

    @property
    def smear_plan(self) -> Path:
        """The leap second that the responder is smearing."""
        return self.run / "smear.json"

    @property
    def receiver_status(self) -> Path:
        """JSON: satellites and device as gpsd tells them, written by the supervisor's watch."""
        return self.run / "receiver.json"

    @property
    def upstream_status(self) -> Path:
        """JSON: what other time servers say of ours, written by the upstream process."""
        return self.run / "upstream.json"

    @property
    def receiver_answer(self) -> Path:
        """JSON: where the receiver was found at this start of gpsd, written before gpsd runs."""
        return self.run / "receiver-found.json"

    @property
    def receiver_memory(self) -> Path:
        """JSON: where the receiver was found the last time, tried first at the next start."""
        return self.data / "receiver.json"

    @property
    def pulse_memory(self) -> Path:
        """JSON: which line the pulses came from."""
        return self.data / "pulse.json"

    @property
    def children_status(self) -> Path:
        """JSON: what each child process of the supervisor does, and why."""
        return self.run / "children.json"

    @property
    def log(self) -> Path:
        """What the processes said, the newest last; an older part has .1 behind its name."""
        return self.run / "log"

    @property
    def libexec(self) -> Path:
        """Scripts of the image that do one thing each."""
        return self.root / "usr" / "libexec" / "stratum1"

    @property
    def wifi_file(self) -> Path:
        """A wpa_supplicant.conf that the owner may put on the setup partition."""
        return self.boot / "wpa_supplicant.conf"

    @property
    def network_status(self) -> Path:
        """JSON: whether network settings are being tried, what went wrong; missing where the network is not ours."""
        return self.run / "network.json"

    @property
    def network_run(self) -> Path:
        """Folder, root's own: how the network was set up since the machine was started, and what is being tried."""
        return self.run.with_name(f"{self.run.name}-network")

    @property
    def network_kept(self) -> Path:
        """JSON: the network settings that were last confirmed; without it whatever is set counts as confirmed."""
        return self.data / "network.kept"

    @property
    def system_log(self) -> Path:
        """Where the appliance's syslogd writes."""
        return self.root / "run" / "log" / "messages"

    @property
    def alarms_status(self) -> Path:
        """JSON: which alarms stand, and how each way of telling them does."""
        return self.run / "alarms.json"

    def alarms_waiting(self, way: str) -> Path:
        """JSON: what is still to be sent over `way`."""
        return self.run / f"alarms-{way}.json"

    @property
    def panel_picture(self) -> Path:
        return self.run / "panel.png"

    @property
    def boot_chart(self) -> Path:
        """When each step of the last start was done, seconds since power-on; kept by the appliance's start scripts."""
        return self.root / "run" / "boot-chart"

    @property
    def update_bundle(self) -> Path:
        """Where the page puts what was uploaded, for the order `update`."""
        return self.data / "update.bundle"

    @property
    def update_status(self) -> Path:
        """JSON: how far the update is, or why it failed."""
        return self.run / "update.json"

    @property
    def order(self) -> Path:
        """One word for the supervisor from who may not do it: reboot, update, rollback."""
        return self.run / "order"

    @property
    def settings(self) -> Path:
        return self.data / "stratum1.toml"

    @property
    def ntp_keys(self) -> Path:
        """Symmetric keys of NTP clients, in the form of ntpd and chrony."""
        return self.data / "ntp.keys"

    @property
    def stored_drift(self) -> Path:
        """Frequency and temperature coefficient that survive a reboot."""
        return self.data / "drift.json"

    @property
    def history_run(self) -> Path:
        """The last hour, for the charts; history adds a dash and a name to these two."""
        return self.run / "history"

    @property
    def history_data(self) -> Path:
        """The last day and month and the changes of state."""
        return self.data / "history"

    @property
    def web_password(self) -> Path:
        """Hash of the page's password; without this file none has been chosen yet."""
        return self.data / "web-password"

    @property
    def web_secret(self) -> Path:
        """Key that signs the page's sessions."""
        return self.data / "web-secret"

    @property
    def api_tokens(self) -> Path:
        """JSON: hashes of the tokens with which programs log in, and what each may do."""
        return self.data / "api-tokens.json"

    @property
    def tls_certificate(self) -> Path:
        """Key and certificate chain of the page, PEM, in one file so that they always belong together."""
        return self.data / "tls.pem"

    @property
    def preset_taken(self) -> Path:
        """Which preset of the setup partition has been taken over; without this file it is taken once more."""
        return self.data / "preset.sha256"

    @property
    def web_trial(self) -> Path:
        """Where the page was before its address was changed, until somebody has confirmed the new one."""
        return self.data / "web-trial"

    @property
    def hat_control(self) -> Path:
        """Unix socket on which the simulated hat takes orders."""
        return self.run / "hat.control"

    @property
    def hat_serial(self) -> Path:
        """Serial device of the simulated hat, a link to a pseudo-terminal."""
        return self.run / "gps0"

    @property
    def hat_pulses(self) -> Path:
        """Unix socket of the simulated hat's pulses."""
        return self.run / "pps.sock"
