# SPDX-License-Identifier: MIT
"""The 24 h linear smear: no step, no announcement, UTC again at noon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from responding import NS, Server, snapshot, utc
from wire import Packet, stamp

from stratum1.ntp.smearing import SmearPlan
from stratum1.tracking import Leap, Snapshot, State

LEAP_AT = utc(2027, 1, 1)
HALF = 43200


def said_at(true_s: float, leap: Leap, **changes: Any) -> Snapshot:
    """The timekeeper's word `true_s` seconds of the kernel's clock after the leap, announced until 2 s after it.

    The kernel clock does not take the leap; the correction does, once the timekeeper has seen it pass.
    """
    at = LEAP_AT + round(true_s * NS)
    past = true_s >= 2
    shift = {Leap.INSERT: -NS, Leap.DELETE: NS}[leap] if past else 0
    return snapshot(
        at,
        correction_ns=shift,
        leap=Leap.NONE if past else leap,
        leap_at_ns=0 if past else LEAP_AT,
        **changes,
    )


def smeared(true_s: float, leap: Leap) -> int:
    """The receive stamp, as ns after the leap by an unleaped clock."""
    at = LEAP_AT + round(true_s * NS)
    sign = 1 if leap is Leap.INSERT else -1
    server = Server(said_at(true_s, leap), at=at, smear=(LEAP_AT, sign))
    outcome = server.ask(Packet().pack())
    assert outcome.data is not None
    got = Packet.parse(outcome.data)
    assert (got.leap, got.stratum) == (0, 1), "a smear is not announced"
    difference = (got.receive - stamp(LEAP_AT) + 2**63) % 2**64 - 2**63
    return round(difference * NS / 2**32)


@pytest.mark.parametrize(("leap", "sign"), [(Leap.INSERT, 1), (Leap.DELETE, -1)])
def test_it_is_linear_over_24_hours_and_utc_at_both_ends(leap: Leap, sign: int) -> None:
    for true_s in (-HALF - 10, -HALF, -HALF / 2, -3, -1.5, -0.5, -0.001, 0.001, 0.5, 0.999, 1.5, 2.5, 3600, HALF - 5):
        passed = min(1.0, max(0.0, (true_s + HALF) / (2 * HALF + sign)))
        assert abs(smeared(true_s, leap) - round((true_s - sign * passed) * NS)) < 5, true_s
    after = HALF + sign + 10
    assert abs(smeared(after, leap) - round((after - sign) * NS)) < 5


def test_a_kernel_that_takes_the_leap_itself_is_smeared_likewise() -> None:
    before = said_at(-0.5, Leap.INSERT, leap_by_kernel=True)
    server = Server(before, at=LEAP_AT - NS // 2, smear=(LEAP_AT, 1))
    stamps = []
    for true_s in (-0.4, -0.1, 0.1, 0.6, 0.9, 1.1, 1.4):
        server.monotonic = 5000 * NS + round((true_s + 0.5) * NS)
        # From the leap on the kernel's clock is a second back.
        server.now = LEAP_AT + round((true_s - (1 if true_s >= 0 else 0)) * NS)
        outcome = server.ask(Packet().pack())
        assert outcome.data is not None
        receive = Packet.parse(outcome.data).receive
        passed = (true_s + HALF) / (2 * HALF + 1)
        expected = stamp(LEAP_AT + round((true_s - passed) * NS))
        assert abs(receive - expected) < 2**32 * 5 // NS, true_s
        stamps.append(receive)
    assert stamps == sorted(stamps)


def test_without_the_setting_nothing_is_smeared() -> None:
    server = Server(said_at(-3600, Leap.INSERT), at=LEAP_AT - 3600 * NS)
    outcome = server.ask(Packet().pack())
    assert outcome.data is not None
    got = Packet.parse(outcome.data)
    assert (got.leap, got.receive) == (1, stamp(LEAP_AT - 3600 * NS))


def test_the_plan_lasts_until_noon_and_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "smear.json"
    plan = SmearPlan(path)
    announced = snapshot(leap=Leap.INSERT, leap_at_ns=LEAP_AT)
    assert plan.update(announced, LEAP_AT - 86_000 * NS) == (LEAP_AT, 1)
    assert SmearPlan(path).update(snapshot(), LEAP_AT + 3600 * NS) == (LEAP_AT, 1)
    assert SmearPlan(path).update(None, None) == (LEAP_AT, 1)
    assert SmearPlan(path).update(snapshot(), LEAP_AT + HALF * NS) is None
    assert not path.exists()


def test_a_phantom_leap_is_forgotten_before_its_smear_begins(tmp_path: Path) -> None:
    plan = SmearPlan(tmp_path / "smear.json")
    early = LEAP_AT - 60_000 * NS
    assert plan.update(snapshot(leap=Leap.INSERT, leap_at_ns=LEAP_AT), early) == (LEAP_AT, 1)
    assert plan.update(snapshot(state=State.UNSYNCHRONISED, leap=Leap.NONE), early) == (LEAP_AT, 1)
    assert plan.update(snapshot(), early) is None


@pytest.mark.parametrize("changes", [{"utc_valid": False}, {"leap_at_ns": 0}, {"state": State.UNSYNCHRONISED}])
def test_only_valid_announcements_make_a_plan(tmp_path: Path, changes: dict[str, Any]) -> None:
    said = snapshot(**({"leap": Leap.DELETE, "leap_at_ns": LEAP_AT} | changes))
    assert SmearPlan(tmp_path / "smear.json").update(said, LEAP_AT - 3600 * NS) is None


def test_a_damaged_plan_is_no_plan(tmp_path: Path) -> None:
    for text in ("", "{}", "[1]", '["x", 1]', "[1, 7]", "nonsense"):
        (tmp_path / "smear.json").write_text(text)
        assert SmearPlan(tmp_path / "smear.json").update(None, None) is None
