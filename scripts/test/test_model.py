# SPDX-License-Identifier: MIT
"""The cost model finds the price list that made its data, and says so when there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import make_model
import model
import runfile
import summary as screen
import units
from model import NAMES, Image, fit, model_of
from page import page
from stats_by_hand import FACTORS
from tables import model_lines

#: Where a metric's prices are in make_model, and the factor that entered is of ready.
OF = {"entered": ("ready", 0.9), "ready": ("ready", 1.0), "teardown": ("exit", 1.0),
      "cpu": ("cpu", 1.0)}


def of_model(golden: dict[str, Any], strategy: str = "") -> list[dict[str, Any]]:
    return [c for c in golden["cases"] if c["scenario"] == "model"
            and strategy in ("", c["strategy"])]


def shake(golden: dict[str, Any], share: float, seed: int = 3) -> None:
    """Every block of every case gets an error of its own."""
    random = np.random.default_rng(seed)
    for case in of_model(golden):
        for i, block in enumerate(case["blocks"]):
            factor = float(np.exp(random.normal(0, share)))
            block["cpu_ns"] = round(block["cpu_ns"] * factor / FACTORS[i])
            for m in case["metrics"].values():
                m["blocks"][i] *= factor / FACTORS[i]


def made(golden: dict[str, Any], tmp_path: Path) -> model.Model:
    found = model_of(runfile.Run(golden, tmp_path))
    assert found is not None
    return found


@pytest.mark.parametrize("metric", OF)
@pytest.mark.parametrize("strategy", make_model.PRICES)
def test_prices_are_found_again(golden: dict[str, Any], tmp_path: Path, strategy: str,
                                metric: str) -> None:
    """Exactly, where every case has the same blocks; each factor that was swept, no other."""
    found = made(golden, tmp_path).fits[strategy, metric]
    name, factor = OF[metric]
    prices = make_model.PRICES[strategy][name]
    keys = make_model.EXECED if strategy in ("popen", "vfork") else make_model.SERVED
    swept = {f.name for f in model.FACTORS for k in f.keys if k in keys}
    if not any(prices[1:]):
        assert found.is_flat and found.coefficients.keys() == {"a"}
        assert found.coefficients["a"].value == pytest.approx(factor * prices[0], rel=1e-3)
        return
    assert set(found.names) == swept | ({"threads"} if strategy == "fork" else set())
    scale = abs(prices[0])
    for n, price in zip(("a", *NAMES), prices):
        if n in found.coefficients and n not in ("a", "threads"):
            # A table and a thread bring what they are made of: see grown().
            assert found.coefficients[n].value == pytest.approx(factor * price, rel=1e-3,
                                                                abs=scale * 1e-5), n


@pytest.mark.parametrize("strategy", ("pool", "zygote"))
def test_what_does_not_grow_is_flat(golden: dict[str, Any], tmp_path: Path, strategy: str) -> None:
    """By trait or by its figures; scatter is no bad fit, and is in the interval."""
    for case in of_model(golden, "zygote"):
        case["metrics"]["ready"]["blocks"] = [70e3 * f for f in FACTORS]
    shake(golden, 0.05)
    golden["cases"] = of_model(golden)
    run = runfile.Run(golden, tmp_path)
    found = model_of(run)
    assert found is not None
    level = found.fits[strategy, "ready"]
    true = {"pool": 24e3, "zygote": 70e3}[strategy]
    assert level.is_flat and level.heap_is_linear is None and not level.r2["all"]
    a = level.predict(Image(*make_model.PYTHON))
    assert a == level.coefficients["a"] and a.value == pytest.approx(true, rel=0.03)
    assert a.low < true < a.high
    for metric in ("cpu", "teardown"):
        assert found.fits[strategy, metric].heap_is_linear is True
    text = " ".join(model_lines(run))
    assert f"{strategy} ready {units.time(a.value, a.ci)}" in text.partition(" flat: ")[2]
    assert "R² of the heap below" not in text


def test_made_ahead_is_as_soon_as_with_the_largest_images(golden: dict[str, Any],
                                                          tmp_path: Path) -> None:
    """Small images leave the caches warm: no slope, no bend, and both in the interval."""
    for case in of_model(golden, "pool"):
        (key, value), = case["params"].items()
        if int(value) < max(make_model.SERVED[key]):
            for m in case["metrics"].values():
                m["blocks"] = [b / 2 for b in m["blocks"]]
    found = made(golden, tmp_path)
    for metric, level in (("ready", 24e3), ("entered", 24e3 * 0.9)):
        a = found.fits["pool", metric].coefficients["a"]
        assert found.fits["pool", metric].is_flat and a.value == pytest.approx(level, rel=1e-3)
        assert a.low < level * 0.55 and a.high >= level
    assert not found.bent("ready")


def test_a_flat_line_without_blocks_enough_has_no_interval(golden: dict[str, Any],
                                                           tmp_path: Path) -> None:
    for case in of_model(golden):
        case["blocks"] = case["blocks"][:5]
        for m in case["metrics"].values():
            m["blocks"] = m["blocks"][:5]
    a = made(golden, tmp_path).fits["pool", "ready"].coefficients["a"]
    assert a.ci is None and a.value == pytest.approx(24e3, rel=0.05)


def test_teardown_begins_at_worked(golden: dict[str, Any], tmp_path: Path) -> None:
    for case in of_model(golden, "zygote"):
        worked, reaped = (case["metrics"][n]["blocks"] for n in ("worked", "reaped"))
        case["metrics"]["worked"]["blocks"] = [w + (r - w) / 2 for w, r in zip(worked, reaped)]
    told = made(golden, tmp_path).fits["zygote", "teardown"].coefficients["copied_mib"].value
    assert told == pytest.approx(make_model.PRICES["zygote"]["exit"][1] / 2, rel=1e-3)


def test_truth_lies_in_the_interval(golden: dict[str, Any], tmp_path: Path) -> None:
    """5 % of scatter: at least nine in ten of the 95 % intervals hold their price."""
    shake(golden, 0.05)
    hits = []
    for (strategy, metric), found in made(golden, tmp_path).fits.items():
        if metric not in ("ready", "cpu"):
            continue
        prices = dict(zip(("a", *NAMES), make_model.PRICES[strategy][metric]))
        for n in set(found.names) - {"threads"}:
            low, high = found.coefficients[n].ci or (0, 0)
            assert low < high
            hits.append(low <= prices[n] <= high)
        if metric == "ready":
            assert found.is_flat == (strategy == "pool")
        assert strategy == "vfork" or found.is_flat or (found.r2["all"] or 0) > 0.99
    assert len(hits) > 30 and sum(hits) >= 0.9 * len(hits), (sum(hits), len(hits))


def test_prediction_holds_the_truth(golden: dict[str, Any], tmp_path: Path) -> None:
    shake(golden, 0.05)
    found = made(golden, tmp_path).fits["zygote", "ready"]
    true = make_model.worth(make_model.PRICES["zygote"]["ready"], make_model.PYTHON)
    told = found.predict(Image(*make_model.PYTHON))
    assert told.ci is not None and told.low < true < told.high
    assert told.value == pytest.approx(true, rel=0.1)
    assert found.predict(Image(*make_model.PYTHON)) == told  # always from the same seed


def bend(golden: dict[str, Any]) -> None:
    """A heap whose price per MiB grows with it: the last points lie twice and more too high."""
    for case in of_model(golden, "zygote"):
        mib = case["image"]["copied_bytes"] / 2**20
        for m in case["metrics"].values():
            m["blocks"] = [b * (1 + (mib / 100) ** 3) for b in m["blocks"]]


def test_a_bent_heap_is_told(golden: dict[str, Any], tmp_path: Path) -> None:
    bend(golden)
    golden["cases"] = of_model(golden)
    run = runfile.Run(golden, tmp_path)
    found = model_of(run)
    assert found and found.fits["zygote", "ready"].heap_is_linear is False
    assert found.fits["fork", "ready"].heap_is_linear is True
    assert found.fits["vfork", "ready"].heap_is_linear is None  # it does not grow
    text = screen.summary(run)
    flat = text.replace("\n", " ")
    assert "NOT linear (R² < 0.97) under zygote; CPU per child or p10 is linear there: the" in flat
    assert "R² of the heap below 0.97: zygote entered, zygote ready" in text
    assert found.fits["zygote", "ready"].worst[1] > 1.3


def test_what_bends_in_every_way_is_no_crowd(golden: dict[str, Any], tmp_path: Path) -> None:
    bend(golden)
    for case in of_model(golden, "zygote"):
        for block in case["blocks"]:
            mib = case["image"]["copied_bytes"] / 2**20
            block["cpu_ns"] = round(block["cpu_ns"] * (1 + (mib / 100) ** 3))
        case["ecdf"]["ready"] = [x * (1 + (mib / 100) ** 3) for x in case["ecdf"]["ready"]]
    golden["cases"] = of_model(golden)
    text = screen.summary(runfile.Run(golden, tmp_path)).replace("\n", " ")
    assert "under zygote. " in text and "shared" not in text


def test_a_wild_point_has_little_weight(golden: dict[str, Any], tmp_path: Path) -> None:
    """Twice too slow in most blocks, with a scatter that says so."""
    case = next(c for c in of_model(golden, "zygote") if c["params"] == {"heap_mb": "160"})
    for m in case["metrics"].values():
        m["blocks"] = [b * (1 + 0.25 * i) for i, b in enumerate(m["blocks"])]
    found = made(golden, tmp_path).fits["zygote", "ready"]
    assert found.coefficients["copied_mib"].value == pytest.approx(16e3, rel=0.1)
    r2 = found.r2["copied_mib"]
    assert r2 is not None and r2 < 0.97  # the point still counts there


def test_a_factor_with_one_value_has_no_price(golden: dict[str, Any], tmp_path: Path) -> None:
    golden["cases"] = [c for c in of_model(golden) if c["params"].get("heap_fds") != "1024"]
    found = made(golden, tmp_path).fits["zygote", "ready"]
    assert "fds" not in found.names and "copied_mib" in found.names


def test_what_cannot_be_told_apart_is_not_fitted(golden: dict[str, Any], tmp_path: Path) -> None:
    """Mappings of which each has a descriptor: two factors, one column."""
    run = runfile.Run(golden, tmp_path)
    points = [p for c in run.cases if c.strategy == "zygote" and model.is_plain(c)
              and (p := model.point_of(c))]
    tied = [model.Point(p.case, Image(*(p.image.copied_mib,) * 6), p.blocks) for p in points]
    assert fit(points, "ready") is not None
    assert fit(tied, "ready") is None
    assert fit(points[:2], "ready") is None  # fewer points than prices


def test_few_blocks_have_no_interval(golden: dict[str, Any], tmp_path: Path) -> None:
    for case in of_model(golden):
        case["blocks"] = case["blocks"][:5]
        for m in case["metrics"].values():
            m["blocks"] = m["blocks"][:5]
    found = made(golden, tmp_path).fits["zygote", "ready"]
    assert all(e.ci is None for e in found.coefficients.values())
    assert found.predict(Image(*make_model.PYTHON)).ci is None


def test_a_missing_block_is_no_zero(golden: dict[str, Any], tmp_path: Path) -> None:
    for case in of_model(golden)[::3]:
        for m in case["metrics"].values():
            m["blocks"][4] = None
    found = made(golden, tmp_path).fits["zygote", "ready"].coefficients["copied_mib"]
    assert found.value == pytest.approx(16e3, rel=0.05)
    assert found.low > 14e3


def test_older_runs_have_no_model(golden: dict[str, Any], run: runfile.Run) -> None:
    for case in of_model(golden):
        del case["image"]["copied_bytes"]
    assert runfile.check(golden) == []
    assert model_of(run) is None and model_lines(run) == []
    assert 'id="model"' not in page(run, {})


def test_huge_pages_and_sandboxes_are_not_mixed_in(golden: dict[str, Any], tmp_path: Path) -> None:
    before = made(golden, tmp_path).fits["zygote", "ready"].coefficients
    for change in ({"sandbox": "full"}, {"params": {"heap_mb": "512", "heap_pages": "thp"}}):
        extra = {**of_model(golden, "zygote")[3], **change}
        golden["cases"].append({**extra, "name": str(change)})
    assert made(golden, tmp_path).fits["zygote", "ready"].coefficients == before


def test_sandbox_is_paired_by_block(golden: dict[str, Any], tmp_path: Path) -> None:
    plain = of_model(golden, "zygote")[0]
    m = {n: {**v, "blocks": [b + 600e3 for b in v["blocks"]]} for n, v in plain["metrics"].items()}
    golden["cases"].append({**plain, "name": "x", "sandbox": "full", "metrics": m,
                            "params": {**plain["params"], "sandbox": "full"}})
    run = runfile.Run(golden, tmp_path)
    told = model.extra(run, "zygote", "full", "ready")
    assert told and told.value == pytest.approx(600e3) and told.ci == pytest.approx((6e5, 6e5))
    assert model.extra(run, "zygote", "ns", "ready") is None
    assert model.extra(run, "fork", "full", "ready") is None


def test_tail_needs_samples(golden: dict[str, Any], run: runfile.Run) -> None:
    cases = [c for c in run.cases if c.strategy == "zygote" and model.is_plain(c)]
    told = model.tail(cases)
    at = 0.99 * 49  # make_golden's curve, between two of its points
    assert told and told.value == pytest.approx(0.9 + 0.3 * (at / 49) ** 4, rel=0.01)
    assert told.n == 60 * len(cases)
    assert model.tail(cases[:8]) is None


def test_screen_and_page(golden: dict[str, Any], tmp_path: Path) -> None:
    golden["cases"] = of_model(golden)
    golden.update(isolation=[], shared_bits=[], attached={})
    run = runfile.Run(golden, tmp_path)
    text = screen.summary(run)
    assert text.startswith("ready grows per MiB that is copied by: popen 35.0 µs [")
    assert "hardly under vfork, pool; R² of the heap ≥ 0.97 under all that clone it." in \
        text.replace("\n", " ")
    line = next(x for x in text.splitlines() if x.split()[:2] == ["zygote", "ready"])
    assert line.split()[2::2][:5] == ["70", "16.0", "1.7", "900", "300"]
    assert line.split()[-2:] in (["–", "0.999"], ["–", "1.000"])
    assert max(map(len, text.splitlines())) <= 100
    html = page(run, {})
    assert html.count("<tr><th scope=\"row\">zygote</th><td>ready</td><td>server</td>") == 1
    assert html.count("<tr><th scope=\"row\">pool</th><td>ready</td><td>server</td>"
                      "\n<td>24.0 µs [") == 1
    assert 'href="#model"' in html and "flat" in html
