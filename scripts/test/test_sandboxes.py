# SPDX-License-Identifier: MIT
"""What a sandbox adds: golden differences that can be told by hand, and what is not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import runfile
import sandboxes
from derive import groups, leaks
from isolation import attackers, inherited, reachable
from page import page
from plots import sandbox as plot
from summary import WIDTH, markdown, summary


def by_name(run: runfile.Run, sandbox: str, strategy: str) -> sandboxes.Price:
    found = sandboxes.tables(run)[0].at(sandbox, strategy)
    assert found
    return found


def test_added_is_paired_with_none(run: runfile.Run) -> None:
    """Every block of net is none's plus 270 µs, times the block's factor: median 1, ranks 3, 10."""
    price = by_name(run, "net", "zygote")
    assert price.added and price.added.value == pytest.approx(270e3)
    assert price.added.ci == pytest.approx((270e3 * 0.96, 270e3 * 1.04))
    assert price.times and price.times.value == pytest.approx((70.5 + 270) / 70.5)
    assert price.times.ci == pytest.approx((price.times.value,) * 2)
    assert sandboxes.signed(price.added) == "+270 [259, 281]"
    assert by_name(run, "none", "zygote").added is None


def test_pairs_are_by_block(golden: dict[str, Any], run: runfile.Run) -> None:
    """A case that lost its first blocks has no other partners than before."""
    case = next(c for c in golden["cases"] if c["name"] == "sandbox/zygote/none/sandbox=net")
    case["blocks"] = case["blocks"][4:]
    for m in case["metrics"].values():
        m["blocks"] = m["blocks"][4:]
    price = by_name(run, "net", "zygote")
    assert price.times and price.times.n == 8
    assert price.times.ci == pytest.approx((price.times.value,) * 2)


def test_baseline_is_the_own_strategys(golden: dict[str, Any], run: runfile.Run) -> None:
    """Without a none of its own a case has no price, whatever others measured."""
    golden["cases"] = [c for c in golden["cases"]
                       if c["name"] != "sandbox/zygote/none/sandbox=none"]
    assert by_name(run, "net", "zygote").added is None
    assert by_name(run, "net", "popen").added


def test_order_is_the_scenarios(run: runfile.Run) -> None:
    table = sandboxes.tables(run)[0]
    assert table.sandboxes == ["none", "pid", "net", "seccomp", "full", "cgroup"]
    assert table.strategies == ["popen", "zygote"]


def test_refused_layer_is_told(run: runfile.Run) -> None:
    assert "| zygote | cgroup | unavailable: layer cgroup: Read-only file system | – |" in \
        sandboxes.markdown(run)
    assert any(line.startswith("cgroup") and line.endswith("unavailable")
               for line in sandboxes.lines(run))


def test_whole_table_in_both_files(run: runfile.Run) -> None:
    row = ["zygote", "full", "630 [605, 656]", "+560 [538, 582]", "8.94 × [8.94, 8.94]",
           "2520 [2018, 3783]", "60 in 12"]
    assert sandboxes.cells(by_name(run, "full", "zygote")) == row
    assert "| " + " | ".join(row) + " |" in markdown(run)
    made = page(run, {})
    assert all(f"<td>{cell}</td>" in made for cell in row[2:])


def test_screen_of_a_run_of_its_own(golden: dict[str, Any], run: runfile.Run) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["scenario"] == "sandbox"]
    golden["isolation"] = []
    assert groups(run) == []
    text = summary(run)
    assert text.startswith("Every layer of the sandbox adds to ready (none): popen +560 [538, 582] "
                           "µs, zygote +560")
    net = next(line for line in text.splitlines() if line.startswith("net "))
    assert net.split() == ["net", "+270", "[259,", "281]", "+270", "[259,", "281]"]
    assert all(len(line) <= WIDTH for line in text.splitlines())


def test_many_strategies_fit(golden: dict[str, Any], run: runfile.Run) -> None:
    """Intervals give way, never the figures."""
    more = [{**c, "strategy": f"s{i}", "name": f"{c['name']}/{i}"} for i in range(7)
            for c in golden["cases"] if c["name"].startswith("sandbox/zygote/")]
    golden["cases"] += more
    text = sandboxes.lines(run)
    assert all(len(line) <= WIDTH for line in text)
    assert text[4].split() == ["net", *["+270"] * 9]


def test_reach_is_counted_by_sandbox(run: runfile.Run) -> None:
    assert leaks(run, "zygote", "none", "reachable", "same") == (8, 8)
    assert leaks(run, "zygote", "none", "reachable", "same", "full") == (0, 8)
    names = [c.name for c in reachable(run, "same").cols if c.strategy == "zygote"]
    assert names == ["zygote none none", "zygote none full", "zygote python none"]
    assert [c.name for c in reachable(run, "same", "full").cols] == ["popen", "zygote"]
    assert "reachable in full by same: popen none 0 of 8, zygote none 0 of 8" in \
        summary(run).replace("\n", " ")


def test_each_sandbox_has_its_attacker(golden: dict[str, Any], run: runfile.Run) -> None:
    """As nobody can make every layer, full may have been attacked by root alone."""
    golden["isolation"] = [f for f in golden["isolation"]
                           if (f["sandbox"], f["attacker"]) != ("full", "same")]
    assert attackers(run) == "same; in full: root"
    assert "reachable in full by root: popen none 0 of 8" in summary(run).replace("\n", " ")
    assert [c.sandbox for c in inherited(run).cols if c.strategy == "popen"] == \
        ["none", "full", "none"]
    assert "Inherited secrets (attacker same; in full: root)" in page(run, {})


def test_alternative_text(run: runfile.Run, tmp_path: Path) -> None:
    said = plot.draw(run, tmp_path / "p")
    assert said and "zygote, none: pid +20.0 [19.2, 20.8] µs, net +270 [259, 281] µs" in said


def test_nothing_without_the_scenario(golden: dict[str, Any], run: runfile.Run,
                                      tmp_path: Path) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["scenario"] != "sandbox"]
    assert plot.draw(run, tmp_path / "p") is None
    assert sandboxes.markdown(run) == "" and sandboxes.lines(run) == []
