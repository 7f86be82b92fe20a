# SPDX-License-Identifier: MIT
"""The whole story as an outsider saw it: every answer to one question a second, and what lay on the glass."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from appliance import Answer, Appliance

EVERY_S = 1.0
FRAMES = 40
FOLLOWS_S = 60.0
"""Late pulses move the clock, and it takes about so long to forget them."""


@dataclass(frozen=True)
class Seen:
    at_s: float
    """Since power-on."""
    error_s: float
    """Of the time in the answer against true time (positive = ahead), known to +-half the round trip."""
    round_trip_s: float
    answer: Answer
    lateness_s: float
    """Of the hat's pulses, as far as the hat can tell: what the host's load does to them."""


class Record(threading.Thread):
    """Asks on its own while the cases go on; a machine that does not answer leaves a gap."""

    def __init__(self, box: Appliance) -> None:
        super().__init__(daemon=True, name="record")
        self._box = box
        self._end = threading.Event()
        self._start = time.monotonic()
        self.seen: list[Seen] = []
        self.marks: list[tuple[float, str]] = []
        self.frames: deque[tuple[float, Image.Image]] = deque(maxlen=FRAMES)

    def mark(self, text: str) -> None:
        self.marks.append((time.monotonic() - self._start, text))

    def stop(self) -> None:
        self._end.set()
        self.join(10)

    def run(self) -> None:
        while not self._end.wait(EVERY_S):
            try:
                found = self._box.examine()
                late = int(self._box.hat_says("lateness")) / 1e9
            except (RuntimeError, ValueError):
                continue  # the plug is out
            now = time.monotonic() - self._start
            if found is not None:
                self.seen.append(Seen(now, *found, late))
            glass = self._box.glass()
            if glass is not None:
                self.frames.append((now, glass.image))

    def lies(self, allowance_s: float) -> list[Seen]:
        """Answers claimed good and further off than they said.

        Granted are the road between, pulses that the host made late while the clock still follows them, and
        `allowance_s` for what of that the hat cannot see.
        """
        found = []
        for seen in self.seen:
            late = max(other.lateness_s for other in self.seen if 0 <= seen.at_s - other.at_s < FOLLOWS_S)
            granted = seen.round_trip_s / 2 + late + allowance_s
            if seen.answer.synchronised and abs(seen.error_s) > seen.answer.root_distance_s + granted:
                found.append(seen)
        return found

    # What is kept when a case fails

    def keep(self, folder: Path, case: str, report: str) -> None:
        """Everything that helps to see what happened, in `folder`."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "report.txt").write_text(report, encoding="utf-8")
        self.plot(folder / "error.png", case)
        self.sheet(folder / "frames.png")
        machine = self._box.machine
        if machine.console.exists():
            shutil.copy(machine.console, folder)
        for name, order in (("messages.log", "read /run/log/messages"), ("snapshot.json", "snapshot")):
            try:
                told: Any = self._box.agent(order, timeout=10)
            except Exception as error:  # whatever keeps the guest from telling is itself worth keeping
                told = f"not to be had: {error}"
            (folder / name).write_text(told if isinstance(told, str) else json.dumps(told, indent=1), encoding="utf-8")
        (folder / "status.json").write_text(json.dumps(self._box.page("/api/v1/status"), indent=1), encoding="utf-8")

    def sheet(self, picture: Path) -> None:
        """The last frames of the panel, oldest first."""
        frames = list(self.frames)
        columns, width, height = 5, 132, 68
        sheet = Image.new("L", (columns * width, max(1, -(-len(frames) // columns)) * height), 90)
        for number, (_, frame) in enumerate(frames):
            sheet.paste(frame.convert("L"), (number % columns * width + 2, number // columns * height + 2))
        sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(picture)

    def plot(self, picture: Path, title: str) -> None:
        """Error and claimed bound over the story, with the cases named."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(figsize=(16, 7))
        good = [seen for seen in self.seen if seen.answer.synchronised]
        refused = [seen.at_s for seen in self.seen if not seen.answer.synchronised]
        at = [seen.at_s for seen in good]
        bound = [seen.answer.root_distance_s * 1e3 for seen in good]
        axes.errorbar(
            at, [seen.error_s * 1e3 for seen in good], [seen.round_trip_s * 500 for seen in good],
            fmt=".", color="tab:blue", elinewidth=0.5, label="error of the answer, ± half the round trip",
        )  # fmt: skip
        for sign in (1, -1):
            axes.plot(at, [sign * item for item in bound], ",", color="tab:red", marker="_",
                      label="bound that it claims" if sign > 0 else None)  # fmt: skip
        axes.plot([seen.at_s for seen in self.seen], [seen.lateness_s * 1e3 for seen in self.seen],
                  color="tab:orange", linewidth=0.6, label="lateness of the hat's pulses")  # fmt: skip
        axes.plot(refused, [0.0] * len(refused), "x", color="grey", markersize=4, label="refused: LI = 3")
        axes.set_yscale("symlog", linthresh=1.0)
        for moment, text in self.marks:
            axes.axvline(moment, color="black", linewidth=0.4)
            axes.annotate(text, (moment, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", fontsize=6)
        axes.set(title=title, xlabel="seconds since power-on", ylabel="ms, answer minus true time")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left", fontsize=7)
        figure.tight_layout()
        figure.savefig(picture, dpi=110)
        pyplot.close(figure)
