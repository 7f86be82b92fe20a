# SPDX-License-Identifier: MIT
"""The snapshot: its public layout, its readers under every kind of bad page, and the readers' loss policy."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum1.tracking import (
    Antenna,
    Jamming,
    Leap,
    Reason,
    Snapshot,
    Spoofing,
    SpoofingEvidence,
    State,
    Survey,
    TrackingReader,
    TrackingWriter,
)
from stratum1.tracking.page import evaluate

ARCHITECTURE = Path(__file__).resolve().parents[2] / "docs" / "architecture.md"
CODES = {
    "uint8_t": "B", "int8_t": "b", "uint16_t": "H", "int16_t": "h", "uint32_t": "I", "int32_t": "i",
    "uint64_t": "Q", "int64_t": "q", "double": "d", "char": "s",
}  # fmt: skip
SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
UPTIME = 5_000 * SECOND

int64 = st.integers(-(2**63), 2**63 - 1)
number = st.floats(allow_nan=False)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

snapshots = st.builds(
    Snapshot,
    state=st.sampled_from(State),
    reason=st.sampled_from(Reason),
    leap=st.sampled_from(Leap),
    antenna=st.sampled_from(Antenna),
    survey_state=st.sampled_from(Survey),
    jamming_state=st.sampled_from(Jamming),
    spoofing=st.sampled_from(Spoofing),
    spoofing_evidence=st.integers(0, 15).map(SpoofingEvidence),
    quantisation_ps=st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
    stratum=st.integers(0, 255),
    refid=st.binary(min_size=4, max_size=4),
    precision=st.integers(-128, 127),
    detail=text.filter(lambda t: len(t.encode()) < 128),
    receiver_port=text.filter(lambda t: len(t.encode()) < 24),
    receiver=text.filter(lambda t: len(t.encode()) < 64),
    pulse_device=text.filter(lambda t: len(t.encode()) < 64),
    temperature_mc=st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
    leap_by_kernel=st.booleans(),
    utc_valid=st.booleans(),
    **{name: st.integers(0, 2**32 - 1) for name in ("steps", "survey_s", "survey_accuracy_mm")},
    tai_offset=st.integers(-(2**15), 2**15 - 1),
    **{name: st.integers(0, 2**64 - 1) for name in ("pulses_accepted", "pulses_rejected")},
    **{name: st.integers(0, 2**16 - 1) for name in ("labels_agreeing", "labels_needed")},
    **{name: st.integers(0, 255) for name in ("fix_mode", "satellites_used", "satellites_seen")},
    **{name: st.integers(0, 255) for name in ("jamming", "rollovers", "standby_pulses")},
    **dict.fromkeys(("correction_rate", "bound_rate", "frequency", "steering"), number),
    **{
        field.name: int64
        for field in dataclasses.fields(Snapshot)
        if field.name.endswith("_ns")
    },
)  # fmt: skip


def locked(**changes: object) -> Snapshot:
    base = Snapshot(
        state=State.LOCKED,
        reason=Reason.TRACKING,
        leap=Leap.NONE,
        stratum=1,
        refid=b"PPS\0",
        kernel_ns=NOW,
        bound_ns=2_000,
        bound_rate=1e-7,
        realtime_minus_monotonic_ns=NOW - UPTIME,
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def serves(snapshot: Snapshot, after_ns: int = 0, stepped_ns: int = 0) -> bool:
    """What a reader decides `after_ns` later, the clock having been stepped by `stepped_ns` meanwhile."""
    return evaluate(snapshot, NOW + after_ns + stepped_ns, UPTIME + after_ns)[2]


# Layout


def layout() -> list[tuple[int, str, str, int]]:
    """(offset, name, struct code, bytes) of each row of the public table."""
    section = ARCHITECTURE.read_text(encoding="utf-8").split("\n## The snapshot\n")[1].split("\n## ")[0]
    rows = []
    for offset, name, kind, count in re.findall(
        r"^\| (\d+) \| `(\w+)` \| (\w+?)(?:\[(\d+)\])? \|", section, re.MULTILINE
    ):
        code = f"{count}s" if count else CODES[kind]
        rows.append((int(offset), name, code, struct.calcsize("=" + code)))
    return rows


def test_the_public_table_covers_all_512_bytes_once() -> None:
    at = 0
    for offset, name, _, size in layout():
        assert offset == at, name
        at += size
    assert at == 512


@given(snapshots)
def test_each_field_lies_where_the_public_table_says(
    tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot
) -> None:
    path = tmp_path_factory.mktemp("layout") / "tracking"
    TrackingWriter(path).write(snapshot)
    page = path.read_bytes()
    raw = {name: struct.unpack_from("=" + code, page, offset)[0] for offset, name, code, _ in layout()}
    expected: dict[str, object] = {
        "magic": 0x54315331, "version": 2, "size": 512, "sequence": 2, "writer_pid": os.getpid(),
        "flags": snapshot.utc_valid + 2 * snapshot.leap_by_kernel,
        "quantisation_ps": -(2**31) if snapshot.quantisation_ps is None else snapshot.quantisation_ps,
        "temperature_mc": -(2**31) if snapshot.temperature_mc is None else snapshot.temperature_mc,
        "receiver_port": snapshot.receiver_port.encode().ljust(24, b"\0"),
        "receiver": snapshot.receiver.encode().ljust(64, b"\0"),
        "pulse_device": snapshot.pulse_device.encode().ljust(64, b"\0"),
        "detail": snapshot.detail.encode().ljust(128, b"\0"),
    }  # fmt: skip
    for name, value in raw.items():
        assert value == (expected[name] if name in expected else getattr(snapshot, name)), name


@given(snapshots)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, snapshot: Snapshot) -> None:
    path = tmp_path_factory.mktemp("trip") / "tracking"
    TrackingWriter(path).write(snapshot)
    assert TrackingReader(path).read() == snapshot


def test_long_texts_are_cut_between_characters(tmp_path: Path) -> None:
    writer, reader = TrackingWriter(tmp_path / "tracking"), TrackingReader(tmp_path / "tracking")
    writer.write(Snapshot(receiver="€" * 60, detail="é" * 200))
    snapshot = reader.read()
    assert snapshot is not None
    assert snapshot.receiver == "€" * 21
    assert snapshot.detail == "é" * 63


# Readers and bad pages


def test_no_page_is_no_snapshot_until_it_appears(tmp_path: Path) -> None:
    reader = TrackingReader(tmp_path / "tracking")
    assert reader.read() is None
    assert reader.now() is None
    assert not reader.reopen()
    writer = TrackingWriter(tmp_path / "tracking")
    assert reader.read() is None, "a page that was never written says nothing"
    writer.write(locked())
    assert reader.read() == locked()


def test_a_page_made_anew_is_found_by_reopening(tmp_path: Path) -> None:
    path = tmp_path / "tracking"
    TrackingWriter(path).write(locked(steps=1))
    reader = TrackingReader(path)
    reader.read()
    path.unlink()
    TrackingWriter(path).write(locked(steps=2))
    assert reader.reopen()
    assert reader.read() == locked(steps=2)


def poke(offset: int, data: bytes) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(poke(0, b"\0\0\0\0"), id="foreign magic"),
        pytest.param(poke(4, struct.pack("=H", 1)), id="another version"),
        pytest.param(poke(6, struct.pack("=H", 256)), id="another size"),
        pytest.param(poke(8, struct.pack("=I", 7)), id="writer at work or dead in the middle"),
        pytest.param(poke(8, struct.pack("=I", 0)), id="never written"),
        pytest.param(poke(192, b"\x09"), id="unknown state"),
    ],
)
def test_a_page_that_is_not_good_is_no_snapshot(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "tracking"
    writer = TrackingWriter(path)
    writer.write(locked())
    reader = TrackingReader(path)
    assert reader.read() is not None
    spoil(path)
    assert reader.read() is None
    writer.write(locked())
    assert reader.read() == locked(), "the next write mends it"


@pytest.mark.parametrize("size", [0, 511, 513])
def test_a_file_of_another_size_is_no_page_and_is_made_one_by_a_writer(tmp_path: Path, size: int) -> None:
    path = tmp_path / "tracking"
    path.write_bytes(b"x" * size)
    assert TrackingReader(path).read() is None
    TrackingWriter(path).write(locked())
    assert TrackingReader(path).read() == locked()


def test_the_sequence_skips_never_written_when_it_wraps(tmp_path: Path) -> None:
    path = tmp_path / "tracking"
    writer = TrackingWriter(path)
    writer.write(locked())
    poke(8, struct.pack("=I", 0xFFFFFFFE))(path)
    writer.write(locked(steps=3))
    assert TrackingReader(path).read() == locked(steps=3)


def numbered(n: int) -> Snapshot:
    """A page in which a mixture of two writings shows."""
    return locked(kernel_ns=n, correction_ns=n, pulses_accepted=n, detail=str(n) * 5, receiver=str(n))


def test_a_reader_never_sees_half_a_page_even_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "tracking"
    reader = TrackingReader(path)
    seen = 0
    for round_ in range(5):
        pid = os.fork()
        if pid == 0:
            writer = TrackingWriter(path)
            n = 1 + round_ * 10**6
            while True:
                writer.write(numbered(n))
                n += 1
        try:
            deadline = time.monotonic() + 10
            wanted = seen + 300
            while seen < wanted and time.monotonic() < deadline:
                snapshot = reader.read()
                if snapshot is not None:
                    assert snapshot == numbered(snapshot.kernel_ns)
                    seen += 1
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        snapshot = reader.read()
        assert snapshot is None or snapshot == numbered(snapshot.kernel_ns)
    assert seen >= 1500
    TrackingWriter(path).write(numbered(7))
    assert reader.read() == numbered(7)


# The readers' arithmetic


@given(st.integers(-(10**12), 10**12), st.floats(-1e-4, 1e-4), st.integers(-(10**12), 10**12))
def test_served_time_is_kernel_time_plus_correction(correction: int, rate: float, age: int) -> None:
    served, _, _ = evaluate(locked(correction_ns=correction, correction_rate=rate), NOW + age, UPTIME + age)
    assert abs(served - (NOW + age + correction + rate * age)) < 1000
    assert isinstance(served, int)


@given(st.integers(0, 10**6), st.floats(0, 1e-3), st.lists(st.integers(0, 10**15), min_size=2, max_size=2))
def test_the_bound_never_shrinks_with_age(bound: int, rate: float, ages: list[int]) -> None:
    snapshot = locked(bound_ns=bound, bound_rate=rate)
    young, old = (evaluate(snapshot, NOW + age, UPTIME + age)[1] for age in sorted(ages))
    assert bound <= young <= old


def test_a_silent_writer_is_trusted_for_5_s_and_then_no_better_than_15_ppm() -> None:
    snapshot = locked(bound_ns=0, bound_rate=0.0)
    assert evaluate(snapshot, NOW + 5 * SECOND, 0)[1] <= 1
    assert evaluate(snapshot, NOW + 105 * SECOND, 0)[1] == pytest.approx(100 * 15_000, abs=2)
    worse = locked(bound_ns=0, bound_rate=1e-4)
    assert evaluate(worse, NOW + 105 * SECOND, 0)[1] == pytest.approx(105 * 100_000, abs=2)


@pytest.mark.parametrize("rate", [math.inf, math.nan, 1e300])
@pytest.mark.parametrize("bound", [0, 2**63 - 1])
def test_a_bound_that_is_no_number_serves_nobody(rate: float, bound: int) -> None:
    assert not serves(locked(bound_ns=bound, bound_rate=rate, bound_limit_ns=2**62), after_ns=SECOND)


def test_a_bound_at_the_end_of_the_range_does_not_wrap() -> None:
    assert evaluate(locked(bound_ns=2**63 - 1, bound_rate=15e-6), NOW + 3600 * SECOND, 0)[1] == 2**63 - 1


@pytest.mark.parametrize("state", State)
def test_only_locked_and_holdover_serve(state: State) -> None:
    assert serves(locked(state=state)) == state.serves == (state in (State.LOCKED, State.HOLDOVER))


def test_nobody_is_served_past_the_bound_limit() -> None:
    snapshot = locked(state=State.HOLDOVER, bound_ns=1_000_000, bound_rate=1e-4, bound_limit_ns=1_400_100)
    assert serves(snapshot, after_ns=4 * SECOND)
    assert not serves(snapshot, after_ns=5 * SECOND)


def test_nobody_is_served_past_the_time_limit() -> None:
    snapshot = locked(state=State.HOLDOVER, serve_until_ns=NOW + 60 * SECOND)
    assert serves(snapshot, after_ns=60 * SECOND)
    assert not serves(snapshot, after_ns=60 * SECOND + 1)


def test_a_dead_timekeeper_stops_being_believed() -> None:
    """10 ms at 15 ppm is eleven minutes."""
    snapshot = locked(bound_limit_ns=10_000_000)
    assert serves(snapshot, after_ns=600 * SECOND)
    assert not serves(snapshot, after_ns=700 * SECOND)


@pytest.mark.parametrize("step", [-3600 * SECOND, -SECOND, -1_000_000, 1_000_000, SECOND, 3600 * SECOND])
def test_a_step_by_someone_else_stops_the_claim_at_once(step: int) -> None:
    snapshot = locked(bound_limit_ns=2**62)
    assert serves(snapshot, after_ns=SECOND)
    assert not serves(snapshot, after_ns=SECOND, stepped_ns=step)


# Leap seconds

LEAP_AT = 1_483_228_800 * SECOND  # 2017-01-01T00:00:00


def around_leap(leap: Leap, kernel_after_ns: int, by_kernel: bool = False) -> tuple[int, bool]:
    """(served - leap instant, claimed) with a kernel clock 0.25 s slow, `kernel_after_ns` after midnight by it."""
    snapshot = locked(
        kernel_ns=LEAP_AT - 10 * SECOND,
        correction_ns=SECOND // 4,
        realtime_minus_monotonic_ns=LEAP_AT - UPTIME,
        leap=leap,
        leap_at_ns=LEAP_AT,
        leap_by_kernel=by_kernel,
    )
    served, _, claimed = evaluate(snapshot, LEAP_AT + kernel_after_ns, UPTIME + kernel_after_ns)
    return served - LEAP_AT, claimed


def test_an_inserted_second_repeats_the_last_one() -> None:
    assert around_leap(Leap.INSERT, -SECOND // 4 - 1) == (-1, True)
    assert around_leap(Leap.INSERT, -SECOND // 4) == (-SECOND, True)
    assert around_leap(Leap.INSERT, 3 * SECOND // 4) == (0, True)


def test_a_deleted_second_is_never_served() -> None:
    assert around_leap(Leap.DELETE, -5 * SECOND // 4 - 1) == (-SECOND - 1, True)
    assert around_leap(Leap.DELETE, -5 * SECOND // 4) == (0, True)


@pytest.mark.parametrize("leap", [Leap.NONE, Leap.UNKNOWN])
def test_without_an_announcement_no_second_is_moved(leap: Leap) -> None:
    assert around_leap(leap, SECOND) == (SECOND + SECOND // 4, True)


def test_the_readers_leave_a_leap_that_the_kernel_takes_to_the_kernel() -> None:
    assert around_leap(Leap.INSERT, 0, by_kernel=True)[0] == SECOND // 4


@pytest.mark.parametrize(("leap", "jump"), [(Leap.INSERT, -SECOND), (Leap.DELETE, SECOND)])
def test_the_leap_of_the_kernel_is_no_foreign_step(leap: Leap, jump: int) -> None:
    snapshot = locked(kernel_ns=LEAP_AT - 2 * SECOND, leap=leap, leap_at_ns=LEAP_AT, leap_by_kernel=True)
    snapshot = dataclasses.replace(snapshot, realtime_minus_monotonic_ns=LEAP_AT - UPTIME)
    when = 0 if leap is Leap.INSERT else -SECOND
    assert evaluate(snapshot, LEAP_AT + when + jump, UPTIME + when)[2]
    assert not evaluate(snapshot, LEAP_AT + when + 3 * jump, UPTIME + when)[2]


def test_a_step_well_before_the_leap_is_foreign() -> None:
    snapshot = locked(kernel_ns=LEAP_AT - 3600 * SECOND, leap=Leap.INSERT, leap_at_ns=LEAP_AT, leap_by_kernel=True)
    snapshot = dataclasses.replace(snapshot, realtime_minus_monotonic_ns=LEAP_AT - UPTIME)
    assert not evaluate(snapshot, LEAP_AT - 3601 * SECOND, UPTIME - 3600 * SECOND)[2]
