# SPDX-License-Identifier: MIT
"""Statistics, units, derived figures and claims, against numbers told by hand."""

from __future__ import annotations

from typing import Any

import pytest
import runfile
import units
from claims import MET, NOT_MEASURED, NOT_MET, claims
from derive import Group, Row, groups, winner
from plots.labels import spread
from stats import median_interval, ratio
from stats_by_hand import FACTORS


def row(group: Group, variant: str) -> Row:
    return next(r for r in group.rows if r.case.variant == variant)


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (8, (1, 8)), (9, (2, 8)), (12, (3, 10)),
                                          (20, (6, 15))])
def test_interval_ranks(n: int, ranks: tuple[int, int]) -> None:
    """As in the tables of the sign test for 95 %."""
    assert median_interval([float(i) for i in range(1, n + 1)]) == ranks


def test_no_interval_below_six_blocks() -> None:
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


def test_ratio_is_paired_by_block() -> None:
    """Blocks drift tenfold; each pair's ratio is 2, and so is the result, without spread."""
    bottom = dict(enumerate([1.0, 2.0, 4.0, 10.0, 3.0, 5.0, None]))
    est = ratio({i: None if b is None else 2 * b for i, b in bottom.items()}, bottom)
    assert est is not None and (est.value, est.ci, est.n) == (2.0, (2.0, 2.0), 6)


def test_ratio_skips_what_it_cannot_pair() -> None:
    est = ratio({0: 4.0, 1: None, 2: 9.0}, {0: 2.0, 1: 1.0, 2: 0.0})
    assert est is not None and (est.value, est.n, est.ci) == (2.0, 1, None)


def test_a_case_that_visits_fewer_blocks_is_paired_by_index(golden: dict[str, Any],
                                                            run: runfile.Run) -> None:
    """zygote without its blocks 1, 5 and 9: each pair's ratio stays 400, without spread."""
    case = next(c for c in golden["cases"] if c["name"] == "startup/zygote/python")
    kept = [i for i in range(len(FACTORS)) if i not in (1, 5, 9)]
    case["blocks"] = [case["blocks"][i] for i in kept]
    for m in case["metrics"].values():
        m["blocks"] = [m["blocks"][i] for i in kept]
    r = row(groups(run)[0], "zygote")
    assert r.vs_popen and (r.vs_popen.n, r.vs_popen.ci) == (9, pytest.approx((400, 400)))
    assert r.vs_floor and r.vs_floor.ci == pytest.approx((0.9 / 0.88, 0.9 / 0.88))
    assert claims(run)[0].shown.startswith("400 × [400, 400]")


@pytest.mark.parametrize(("value", "text"), [(1.1349, "1.13"), (11.349, "11.3"), (999.6, "1000"),
                                             (0.9996, "1.00"), (0, "0"), (0.01234, "0.0123"),
                                             (123456, "123000")])
def test_digits(value: float, text: str) -> None:
    assert units.digits(value) == text


def test_times() -> None:
    assert units.time(1_130_000, (1_050_000, 1_210_000)) == "1.13 ms [1.05, 1.21]"
    assert units.time(999_999) == "1.00 ms"
    assert units.time(None) == units.NOTHING
    assert units.size(12_600_000) == "12.6 MB"


def test_groups_python_first(run: runfile.Run) -> None:
    assert [g.payload for g in groups(run)] == ["python", "none"]
    strategies = [c.strategy for c in groups(run)[0].cases]
    assert strategies == ["popen", "vfork", "fork", "forkserver", "zygote"]  # no meter


def test_python_row(run: runfile.Run) -> None:
    r = row(groups(run)[0], "zygote")
    assert r.ready and r.ready.p50 == 1e6 and r.ready.ci == (0.96e6, 1.04e6)
    assert r.vs_popen and r.vs_popen.value == pytest.approx(400)  # 400 ms ÷ 1 ms
    assert r.vs_floor and r.vs_floor.value == pytest.approx(0.9 / 0.88)
    assert r.rate and r.rate.measured
    assert r.rate.value == pytest.approx(1e9 / 5.1e6 * 1.14)  # best of 1 CPU: 4 in flight
    assert r.pss == pytest.approx(14e6 * 0.9)  # 16 alive: popen has nothing at 64
    assert r.inherited == (0, 24) and r.reachable == (8, 8)  # taint is n/a


def test_fork_is_marked(run: runfile.Run) -> None:
    r = row(groups(run)[0], "fork")
    assert r.inherited == (22, 24) and r.unsafe


def test_fastest_unsafe_strategy_does_not_win(golden: dict[str, Any], run: runfile.Run) -> None:
    for case in golden["cases"]:
        if case["name"] == "startup/fork/python":
            case["metrics"]["ready"]["p50"] = 1.0
    w = winner(groups(run)[0])
    assert w and w.case.strategy == "zygote"


def test_a_leaking_server_loses(golden: dict[str, Any], run: runfile.Run) -> None:
    for f in golden["isolation"]:
        if f["strategy"] == "zygote" and f["secret"] == "heap/before":
            f["outcome"] = "leaked"
    w = winner(groups(run)[0])
    assert w and w.case.strategy == "forkserver"
    assert row(groups(run)[0], "zygote").unsafe


def verdicts(run: runfile.Run) -> list[str]:
    return [c.verdict for c in claims(run)]


def test_claims_of_golden(run: runfile.Run) -> None:
    found = claims(run)
    assert {c.verdict for c in found} == {MET}
    shown = [c.shown for c in found]
    assert shown[0].startswith("400 × [400, 400] (n=12")
    assert shown[1].startswith("1.30 ×")
    assert shown[2].startswith("27.0 µs [25.9, 28.1]")  # (70 - 43) µs times .96 and 1.04
    assert shown[3].startswith("1.02 ×")
    assert shown[4].startswith("2.00 % (1.02 ×")
    assert shown[5].startswith("300 ns")
    assert shown[6].startswith("30.1 ns [29.9, 30.4]")
    assert shown[7].startswith("2.44 %")  # 420 ms against 410 ms


def _scaled(run: dict[str, Any], name: str, metric: str, factor: float) -> None:
    m = next(c for c in run["cases"] if c["name"] == name)["metrics"][metric]
    m["p50"] *= factor
    m["blocks"] = [b * factor for b in m["blocks"]]


def test_claims_not_met(golden: dict[str, Any], run: runfile.Run) -> None:
    _scaled(golden, "startup/zygote/python", "ready", 3)  # 133 × and 0.43 ×
    _scaled(golden, "startup/zygote/none", "entered", 1.3)  # 91 - 43 = 48 µs
    _scaled(golden, "startup/zygote/python", "entered", 1.2)  # 1.23 ×
    _scaled(golden, "startup/noop/none", "reaped", 10)  # 3 µs
    _scaled(golden, "startup/popen/python", "reaped", 1.2)  # 504 against 410 ms
    golden["context"]["spawnmark"]["calibration"][0]["p50"] = 101
    for r in golden["attached"]["micro"]["benchmarks"]:
        r["real_time"] *= 1.05 if "host" in r["name"] else 1  # 7.1 %
    assert set(verdicts(run)) == {NOT_MET}


def test_claims_of_an_empty_run(golden: dict[str, Any], tmp_path: Any) -> None:
    golden.update(cases=[], attached={})
    golden["context"]["spawnmark"]["calibration"] = []
    assert set(verdicts(runfile.Run(golden, tmp_path))) == {NOT_MEASURED}


def test_blocks_of_golden_are_as_told() -> None:
    ordered = sorted(FACTORS)
    assert (ordered[2], ordered[9]) == (0.96, 1.04)
    assert (ordered[5] + ordered[6]) / 2 == pytest.approx(1)


def test_labels_do_not_overlap_and_stay_inside() -> None:
    widths = [50.0, 60.0, 40.0, 50.0]
    placed = spread([0.0, 2.0, 3.0, 290.0], widths, 0.0, 300.0)
    left = [p - w / 2 for p, w in zip(placed, widths)]
    right = [p + w / 2 for p, w in zip(placed, widths)]
    assert left[0] >= -1e-9 and right[-1] <= 300 + 1e-9
    assert all(b >= a - 1e-9 for a, b in zip(right, left[1:]))


def test_labels_stay_where_there_is_room() -> None:
    assert spread([100.0, 200.0], [20.0, 20.0], 0.0, 300.0) == [100.0, 200.0]
