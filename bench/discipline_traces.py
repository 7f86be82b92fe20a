# SPDX-License-Identifier: MIT
"""Clock traces: simulated crystals with their pulses, second by second, in exact integers.

A folder of traces holds one .npz per trace and a meta.json:

- `freq_1e13[k]` int32: frequency error of the free clock during second k, 1e-13 (positive = fast)
- `noise_1e10[k]` int32: error of the stamp of pulse k, 0.1 ns (positive = late); -2^31 = no pulse
- meta.json: per trace `x0`, the clock's error at second 0 in seconds
- thermometer_10s.npz: per trace one reading per 10 s near the crystal, degC = value / 16 - 45
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = -(2**31)
HOUR = 3600


class TraceError(Exception):
    """A folder or file that holds no traces; the text says which and what is wanted."""


@dataclass(frozen=True)
class Trace:
    name: str
    text: str
    freq_1e13: NDArray[np.int32]
    noise_1e10: NDArray[np.int32]
    x0: float = 0.5
    thermometer: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.freq_1e13)

    def temperature_mc(self, second: int) -> int | None:
        if self.thermometer is None:
            return None
        value = int(self.thermometer[min(second // 10, len(self.thermometer) - 1)])
        return round((value / 16 - 45) * 1000)


def read(folder: Path) -> list[Trace]:
    """All traces of a folder."""
    if not folder.is_dir():
        raise TraceError(f"{folder}: no such folder; want one with traces (*.npz) and meta.json")
    try:
        meta = json.loads((folder / "meta.json").read_text())
    except FileNotFoundError:
        meta = {}
    except ValueError as error:
        raise TraceError(f"{folder / 'meta.json'}: {error}") from None
    thermometers = {}
    if (folder / "thermometer_10s.npz").exists():
        thermometers = dict(np.load(folder / "thermometer_10s.npz"))
    traces = []
    for path in sorted(folder.glob("*.npz")):
        if path.name == "thermometer_10s.npz":
            continue
        try:
            with np.load(path) as arrays:
                freq, noise = arrays["freq_1e13"], arrays["noise_1e10"]
        except (KeyError, ValueError, OSError) as error:
            raise TraceError(f"{path}: {error}; want the arrays freq_1e13 and noise_1e10") from None
        about = meta.get(path.stem, {})
        traces.append(
            Trace(
                path.stem,
                about.get("desc", ""),
                freq.astype(np.int32),
                noise.astype(np.int32),
                float(about.get("x0", 0.5)),
                thermometers.get(path.stem),
            )
        )
    if not traces:
        raise TraceError(f"{folder}: no traces in it; want *.npz with the arrays freq_1e13 and noise_1e10")
    return traces


def write(folder: Path, traces: list[Trace]) -> None:
    """The inverse of read."""
    folder.mkdir(parents=True, exist_ok=True)
    meta = {trace.name: {"desc": trace.text, "n": len(trace), "x0": trace.x0} for trace in traces}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    for trace in traces:
        np.savez_compressed(folder / f"{trace.name}.npz", freq_1e13=trace.freq_1e13, noise_1e10=trace.noise_1e10)
    thermometers = {trace.name: trace.thermometer for trace in traces if trace.thermometer is not None}
    if thermometers:
        np.savez_compressed(folder / "thermometer_10s.npz", **thermometers)


Floats = NDArray[np.float64]


def crystal(rng: np.random.Generator, seconds: int) -> Floats:
    """Frequency noise (s/s) with about the Allan deviation of a Raspberry Pi's crystal.

    White 2.9e-9 at 1 s, a flicker floor of about 1e-9 (a sum of relaxations, one per octave or so), and a random
    walk of 2.2e-10 per root second: 3.0e-9 at 1 s, 1.3e-9 at 10 s, 2.0e-9 at 100 s, 4.4e-9 at 1000 s.
    """
    noise = 2.9e-9 * rng.standard_normal(seconds)
    for tau in (10, 40, 160, 640, 2560):
        keep = np.exp(-1.0 / tau)
        drive = 5.5e-10 * np.sqrt(1 - keep * keep) * rng.standard_normal(seconds)
        noise += _relax(drive, keep)
    return noise + np.cumsum(2.2e-10 * rng.standard_normal(seconds))


def _relax(drive: Floats, keep: float) -> Floats:
    out = np.empty_like(drive)
    state = 0.0
    for i, value in enumerate(drive):
        state = keep * state + value
        out[i] = state
    return out


def warmth(rng: np.random.Generator, seconds: int, per_kelvin: float = 1e-7) -> tuple[Floats, NDArray[np.int16]]:
    """A day's swing of 1 ppm peak to peak and five-minute loads of 0.2 ppm: (s/s, thermometer every 10 s)."""
    t = np.arange(seconds)
    swing = 0.5e-6 * np.sin(2 * np.pi * (t / 86400.0 + rng.random()))
    load = np.zeros(seconds)
    for _ in range(max(1, seconds // 9600)):
        start = int(rng.integers(HOUR // 2, max(HOUR // 2 + 1, seconds - 600)))
        load[start : start + 300] = 2e-7
    swing += _relax(load * (1 - np.exp(-1 / 60.0)), float(np.exp(-1 / 60.0)))
    degrees = 10.0 + swing / per_kelvin
    sensor = degrees[::10] + 0.1 * rng.standard_normal(len(degrees[::10]))
    return swing, np.round((sensor + 45) * 16).astype(np.int16)


def gauss(rng: np.random.Generator, seconds: int, sigma_ns: float) -> Floats:
    return sigma_ns * rng.standard_normal(seconds)


def late(rng: np.random.Generator, seconds: int) -> Floats:
    """Interrupt latency: 0.2 us Gaussian, 2 us exponential, one pulse in a hundred 20..50 us late."""
    noise = gauss(rng, seconds, 200.0) + rng.exponential(2000.0, seconds)
    worse = rng.random(seconds) < 0.01
    return noise + worse * rng.uniform(20e3, 50e3, seconds)


def sawtooth(rng: np.random.Generator, seconds: int) -> Floats:
    """A receiver's hardware stamps: 21 ns Gaussian, and a quantisation of 21 ns that wanders."""
    phase = np.cumsum(rng.normal(0.31, 0.02, seconds)) % 1.0
    return gauss(rng, seconds, 21.0) + 21.0 * (phase - 0.5)


def _trace(name: str, text: str, freq: Floats, noise: Floats, thermometer: NDArray[np.int16] | None = None) -> Trace:
    stamps = np.round(noise * 10)
    stamps[np.isnan(stamps)] = MISSING
    return Trace(
        name, text, np.round((freq - 15e-6) * 1e13).astype(np.int32), stamps.astype(np.int32), 0.5, thermometer
    )


def generate(seed: int) -> list[Trace]:
    """The project's own traces; the same seed gives the same ones."""
    rng = np.random.default_rng(seed)
    short, day = 6 * HOUR, 24 * HOUR
    traces = [
        _trace("o1_gauss1us", "crystal alone, 1 us Gaussian pulses", crystal(rng, short), gauss(rng, short, 1000.0)),
        _trace("o2_latency", "crystal alone, one-sided interrupt latency", crystal(rng, short), late(rng, short)),
    ]
    heat, sensor = warmth(rng, day)
    traces.append(
        _trace(
            "o3_thermal1us", "daily swing and loads, 1 us", crystal(rng, day) + heat, gauss(rng, day, 1000.0), sensor
        )
    )
    heat, sensor = warmth(rng, day)
    traces.append(
        _trace("o4_thermal21ns", "daily swing and loads, 21 ns", crystal(rng, day) + heat, sawtooth(rng, day), sensor)
    )
    noise = gauss(rng, short, 1000.0)
    noise += (rng.random(short) < 0.002) * rng.uniform(-2e5, 2e5, short)
    noise[rng.random(short) < 0.2] = np.nan
    traces.append(_trace("o5_missing", "20 % of pulses missing, 0.2 % spikes, 1 us", crystal(rng, short), noise))
    noise = rng.laplace(0.0, 707.0, short)
    traces.append(_trace("o6_laplace", "heavy symmetric tails, 1 us RMS", crystal(rng, short), noise))
    heat, sensor = warmth(rng, day)
    traces.append(
        _trace("o7_thermal_latency", "daily swing and loads, latency", crystal(rng, day) + heat, late(rng, day), sensor)
    )
    return traces
