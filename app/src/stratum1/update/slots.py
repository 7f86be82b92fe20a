# SPDX-License-Identifier: MIT
"""The two slots of the card: which one runs, which one starts next, and how that is changed.

The firmware reads `autoboot.txt` of the setup partition: `boot_partition` under [all] is what starts, and under
[tryboot] what starts once after a restart that asked for it (`tryboot_a_b=1`). Board and card are those of
`board/common/genimage.cfg.in`: boot A and B are partitions 2 and 3, root A and B 5 and 6.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from stratum1 import safefile
from stratum1.paths import Paths
from stratum1.update import UpdateError

BOOT = {"A": 2, "B": 3}
ROOT = {"A": 5, "B": 6}
OTHER = {"A": "B", "B": "A"}
AUTOBOOT = "[all]\ntryboot_a_b=1\nboot_partition={start}\n[tryboot]\nboot_partition={trial}\n"
KEY = "usr/share/stratum1/update.pem"
MOUNT_S = 30.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page shows."""

    running: str
    """"A" or "B"."""
    default: str
    """Which one starts when nobody asks for a try."""
    other_version: str
    """What the slot that is not running holds; empty when nothing that can be started."""

    @property
    def on_trial(self) -> bool:
        """The running system was started for a try and has not been confirmed."""
        return self.running != self.default


@dataclass(frozen=True, slots=True)
class Slots:
    """`partitions`: device by partition number; `setup`: where the setup partition is mounted (read-only)."""

    running: str
    partitions: dict[int, Path]
    setup: Path
    record: Path
    """JSON on the data partition: version by slot, null while it is written."""
    key: Path
    board: str
    version: str
    mount: tuple[str, ...] = field(default=("mount",))

    @classmethod
    def of(cls, paths: Paths) -> Slots:
        """Those of this machine; UpdateError when it is not an appliance with two slots."""
        release = _os_release(paths.root / "etc/os-release")
        if release.get("ID") != "stratum1" or "VARIANT_ID" not in release:
            raise UpdateError("this machine was not started from a stratum1 card, so there is nothing to update")
        found = re.search(r"(?:^|\s)root=\S*([56])(?:\s|$)", _text(paths.proc / "cmdline") or "")
        if found is None:
            raise UpdateError("the root is on none of the two slots, so there is nothing to update")
        running = {str(number): slot for slot, number in ROOT.items()}[found[1]]
        return cls(
            running=running,
            partitions=_partitions(paths),
            setup=paths.boot,
            record=paths.data / "slots.json",
            key=paths.root / KEY,
            board=release["VARIANT_ID"],
            version=release.get("VERSION_ID", ""),
        )

    @property
    def default(self) -> str:
        """The slot that `autoboot.txt` names; the running one when there is no such file, as in a virtual machine."""
        found = re.search(r"\[all\][^\[]*?^boot_partition=(\d)", _text(self._autoboot) or "", re.MULTILINE)
        names = {str(number): slot for slot, number in BOOT.items()}
        return names.get(found[1], self.running) if found else self.running

    @property
    def _autoboot(self) -> Path:
        return self.setup / "autoboot.txt"

    def standing(self) -> Standing:
        return Standing(self.running, self.default, self._versions().get(OTHER[self.running]) or "")

    def device(self, number: int) -> Path:
        try:
            return self.partitions[number]
        except KeyError:
            raise UpdateError(f"the card has no partition {number}; was it written by hand?") from None

    def make_default(self, slot: str) -> None:
        """Let the firmware start `slot` from now on; UpdateError when the setup partition cannot be written.

        The file keeps its length and its place, so that one sector is written: the old words or the new ones.
        """
        text = AUTOBOOT.format(start=BOOT[slot], trial=BOOT[OTHER[slot]]).encode("ascii")
        self._remount("rw")
        try:
            there = self._autoboot.exists()
            with self._autoboot.open("r+b" if there else "wb") as file:
                file.write(text)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UpdateError(f"{self._autoboot}: cannot be written: {error.strerror}") from None
        finally:
            self._remount("ro")

    def note(self, slot: str, version: str | None) -> None:
        """What `slot` holds from now on; None while it is neither the old nor the new."""
        try:
            safefile.replace(self.record, json.dumps({**self._versions(), slot: version}).encode("ascii"))
        except OSError as error:
            raise UpdateError(f"{self.record}: cannot be written: {error.strerror}") from None

    def _versions(self) -> dict[str, str | None]:
        # As the card was made: A holds a system, B nothing.
        try:
            content = json.loads(_text(self.record) or "{}")
        except ValueError:
            content = {}
        return {"A": "as flashed", "B": None, **(content if isinstance(content, dict) else {})}

    def confirm(self) -> bool:
        """The running system is good: let it start from now on. False when it was not on trial."""
        if self.running == self.default:
            return False
        self.make_default(self.running)
        return True

    def _remount(self, how: str) -> None:
        import subprocess  # the supervisor, which has this room loaded, needs it once in a lifetime

        done = subprocess.run(
            [*self.mount, "-o", f"remount,{how}", str(self.setup)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MOUNT_S, check=False,
        )  # fmt: skip
        if done.returncode != 0 and how == "rw":
            raise UpdateError(f"{self.setup}: cannot be mounted for writing: {done.stderr.strip()[:120]}")


def look(paths: Paths) -> Standing | None:
    """Which slot runs and what the other one holds; None on a machine that has no slots."""
    try:
        return Slots.of(paths).standing()
    except UpdateError:
        return None


def _partitions(paths: Paths) -> dict[int, Path]:
    """Of the disk that the root came from: device by number."""
    root = paths.root.stat().st_dev
    node = (paths.sys / "dev/block" / f"{os.major(root)}:{os.minor(root)}").resolve()
    return {
        int(_text(part / "partition") or "0"): paths.dev / part.name
        for part in node.parent.glob("*")
        if (part / "partition").is_file()
    }


def _os_release(path: Path) -> dict[str, str]:
    rows = (line.partition("=") for line in (_text(path) or "").splitlines())
    return {name: value.strip('"') for name, _, value in rows}


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
