# SPDX-License-Identifier: MIT
"""advise.py: what it predicts, whom it prefers, how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import advice
import advise
import make_golden
import make_model
import runfile
import units
from advice import Wish

WISH = ("--rss", "180M", "--import", "1.4s", "--rate", "20/s", "--work", "3ms")


@pytest.fixture
def golden(golden: dict[str, Any]) -> dict[str, Any]:
    """Without what advice does not read: every call checks the whole file."""
    cases = [c for c in golden["cases"] if c["scenario"] in ("model", "startup", "memory",
                                                              "sandbox")]
    golden.update(cases=cases, benchmarks=[], attached={}, isolation=[
        f for f in golden["isolation"] if f["attacker"] == "same" or f["sandbox"] != "none"])
    return golden


def write(golden: dict[str, Any], folder: Path) -> Path:
    (folder / "run.json").write_text(json.dumps(golden), encoding="utf-8")
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = advise.main(list(words))
    out = capsys.readouterr()
    return code, out.out, out.err


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, err = told(capsys, *words, "--json")
    assert code in (0, 1), err
    return json.loads(out)


def by_strategy(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {a["strategy"]: a for a in found["answers"]}


def case_of(golden: dict[str, Any], name: str) -> dict[str, Any]:
    return next(c for c in golden["cases"] if c["name"] == name)


def slow(case: dict[str, Any], factor: float) -> None:
    m = case["metrics"]["ready"]
    m.update(p50=m["p50"] * factor, blocks=[b * factor for b in m["blocks"]])


def test_prediction_is_the_price_list(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a whole image, zygote's ready and CPU follow from make_model's prices."""
    found = as_json(capsys, *WISH, "--anon", "90M", "--vmas", "400", "--maps", "300", "--fds", "20",
                    str(folder))
    zygote = by_strategy(found)["zygote"]
    image = tuple(found["image"].values())
    assert image[0] == 90 and image[2:] == (400, 300, 20, 1)
    ready = make_model.worth(make_model.PRICES["zygote"]["ready"], image)
    cpu = make_model.worth(make_model.PRICES["zygote"]["cpu"], image) + 3e6
    assert zygote["ready"]["value_ns"] == pytest.approx(ready, rel=0.01)
    assert zygote["cpu_ns_per_child"] == pytest.approx(cpu, rel=0.01)
    assert zygote["cpu_share"] == pytest.approx(20 * cpu / 1e9, rel=0.01)
    low, high = zygote["ready"]["ci_ns"]
    assert low < ready < high
    # The golden samples' 50 points: the quantile lies between the last two, 1.178 and 1.2.
    assert zygote["p99"]["value_ns"] == pytest.approx(ready * 1.19, rel=0.01)


def test_image_is_scaled_from_the_measured_one(folder: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """make_model.PYTHON has 30 MiB of 130 MB copied, in 60 tables."""
    found = as_json(capsys, *WISH, str(folder))
    share = 30 * 2**20 / 130e6
    assert found["image"]["copied_mib"] == pytest.approx(180 * share, rel=1e-6)
    assert found["image"]["tables"] == pytest.approx(2 * 180 * share, rel=1e-6)
    assert (found["image"]["anon_vmas"], found["image"]["plain_vmas"]) == (150, 250)
    assert any("24% of the RSS copied" in line for line in found["explanation"])


def test_ranking(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Safe first, then whom a CPU carries, then soonest; fork is sooner than an exec and last."""
    found = as_json(capsys, *WISH, str(folder))
    names = [a["strategy"] for a in found["answers"]]
    assert names[:3] == ["pool", "zygote", "forkserver"] and names[-1] == "fork"
    by = by_strategy(found)
    assert by["fork"]["unsafe"] and not by["zygote"]["unsafe"]
    assert not by["popen"]["one_cpu_carries"] and by["zygote"]["one_cpu_carries"]
    assert by["popen"]["ready"]["value_ns"] == pytest.approx(1.4e9, rel=0.01)
    assert by["popen"]["ready"]["ci_ns"] is None  # nobody knows how the user's import scatters
    assert by["zygote"]["inherited"] == [0, 24] and by["fork"]["inherited"][0] > 19
    assert by["popen"]["private_bytes"] == pytest.approx(0.2 * 180 * 2**20)
    assert by["zygote"]["private_bytes"] == pytest.approx(14e6 * 0.9 * 0.4)
    assert by["zygote"]["page_tables_bytes"] == pytest.approx(4096 * found["image"]["tables"])


def test_pages_of_16_kib(golden: dict[str, Any], folder: Path,
                         capsys: pytest.CaptureFixture[str]) -> None:
    """A table is a page, and maps 32 MiB."""
    golden["context"]["spawnmark"]["environment"]["page_bytes"] = 1 << 14
    write(golden, folder)
    found = as_json(capsys, *WISH, str(folder))
    zygote = by_strategy(found)["zygote"]
    assert zygote["page_tables_bytes"] == pytest.approx(16384 * found["image"]["tables"])
    assert advice.table_mib([runfile.load(folder)]) == 32 and advice.table_mib([]) == 2


def test_plain_words(golden: dict[str, Any], folder: Path,
                     capsys: pytest.CaptureFixture[str]) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["strategy"] != "pool"]
    write(golden, folder)
    code, out, _ = told(capsys, *WISH, str(folder))
    text = " ".join(out.split())
    assert code == 0 and text.startswith("Use zygote: ready after ")
    assert "memory:" not in text  # none waits
    assert "At 20/s it takes 10.5 % of one CPU: one CPU carries it." in text
    assert ("Exposed: a child inherits 0 of 24 secrets of the parent, and 8 of 8 attacks on other "
            "processes of the same uid go through.") in text
    assert max(len(x) for x in out.splitlines()) <= 120
    _, out, _ = told(capsys, *WISH[:4], "--rate", "400/s", str(folder))
    assert "one CPU does NOT carry it" in " ".join(out.split()) or "queue" in out


def test_parent_and_its_threads_cost_popen(folder: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--rss", "180M", "--import", "0ms", str(folder))
    small = by_strategy(as_json(capsys, *words))
    big = by_strategy(as_json(capsys, *words, "--parent-rss", "100M", "--parent-threads", "51"))
    more = big["popen"]["ready"]["value_ns"] - small["popen"]["ready"]["value_ns"]
    # make_model's thread brings two mappings, of which popen's fit knows the untouched one.
    assert more == pytest.approx(100 * 35e3 + 50 * 3800, rel=0.02)
    for same in ("vfork", "zygote"):
        assert big[same]["ready"]["value_ns"] == pytest.approx(
            small[same]["ready"]["value_ns"], rel=0.01)


def test_fork_handlers(golden: dict[str, Any], folder: Path,
                       capsys: pytest.CaptureFixture[str]) -> None:
    """Told ones are added where they run on the way; else the measured payload's, else none."""
    words = ("--rss", "100M", "--import", "1s", str(folder))
    none = by_strategy(as_json(capsys, *words, "--hooks", "0ms"))
    some = by_strategy(as_json(capsys, *words, "--hooks", "2ms"))
    for strategy, more in (("forkserver", 2e6), ("fork", 2e6), ("zygote", 0), ("popen", 0)):
        assert some[strategy]["ready"]["value_ns"] - none[strategy]["ready"]["value_ns"] == \
            pytest.approx(more)
    for strategy, warned in (("zygote", True), ("forkserver", False), ("popen", False)):
        notes = " ".join(by_strategy(as_json(capsys, *words))[strategy]["notes"])
        assert ("runs no fork handlers" in notes) == warned, strategy
    notes = by_strategy(as_json(capsys, *words))["forkserver"]["notes"]
    assert "fork handlers: as measured under fork, forkserver" in notes
    golden["cases"] = [c for c in golden["cases"] if c["scenario"] != "startup"]
    write(golden, folder)
    notes = by_strategy(as_json(capsys, *words))["forkserver"]["notes"]
    assert "fork handlers: not known, taken as nothing" in notes


def ahead(golden: dict[str, Any]) -> None:
    """What is measured of a pool beside the model: its Python, cold and warm, and its isolation."""
    for warm, ready in (("no", 26e3), ("yes", 27e3)):
        golden["cases"].append(make_golden.latency(
            "startup", "pool", "python", (ready - 1e3, ready, 2e6, 5e6), params={"warm": warm}))
    golden["isolation"] += [{**f, "strategy": "pool"} for f in golden["isolation"]
                            if f["strategy"] == "zygote"]


def weigh(golden: dict[str, Any], *rows: tuple[str, str, int, float, float]) -> None:
    """Memory of a pool; a row: warm, where, alive, PSS, USS."""
    like = case_of(golden, "memory/zygote/python")["memory"][0]
    for warm in ("no", "yes"):
        mine = [{**like, "at": at, "alive": alive, "pss_bytes": pss, "uss_bytes": uss}
                for w, at, alive, pss, uss in rows if w == warm]
        golden["cases"].append(make_golden.case(
            f"memory/pool/python/warm={warm}", "memory", "pool", "python",
            params={"warm": warm}, memory=mine))


WEIGHTS = (("no", "idle", 16, 4e6, 1e6), ("no", "ready", 64, 3e6, 0.9e6),
           ("no", "worked", 64, 15e6, 11e6), ("yes", "idle", 16, 16e6, 12e6),
           ("yes", "ready", 1, 16e6, 12e6), ("yes", "worked", 1, 17e6, 13e6))


def test_pool_is_soonest_and_tells_its_price(golden: dict[str, Any], folder: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    ahead(golden)
    weigh(golden, *WEIGHTS)
    write(golden, folder)
    code, out, err = told(capsys, *WISH, "--pool", "16", str(folder))
    text = " ".join(out.split())
    assert code == 0, err
    assert text.startswith("Use pool: ready after 24.0 µs [")
    found = as_json(capsys, *WISH, "--pool", "16", str(folder))
    pool = by_strategy(found)["pool"]
    assert pool["idle_bytes"] == pytest.approx(16 * (4e6 + 4096 * found["image"]["tables"]))
    assert pool["private_bytes"] == 11e6 and pool["inherited"] == [0, 24]
    assert not pool["unsafe"] and found["answers"][0] == pool
    assert pool["p99"]["value_ns"] == pytest.approx(24e3 * 1.19, rel=0.01)
    size = units.size(pool["idle_bytes"])
    assert f"Its price is memory: 16 children that wait take {size}." in text
    assert "Without it the soonest is zygote: " in text
    assert "Exposed: a child inherits 0 of 24 secrets of the parent" in text
    assert "Idle: PSS as of 16 that waited, python" in text
    assert "of more than 16 requests at once, each beyond waits for a child to be made" in text
    assert max(len(x) for x in out.splitlines()) <= 120
    table = {x.split()[0]: x for x in out.splitlines()[-8:] if x}
    assert size in table["pool"] and size not in table["zygote"]
    assert all(a["idle_bytes"] is None for a in found["answers"] if a["strategy"] != "pool")


def test_pool_that_leaks_is_not_preferred(golden: dict[str, Any], folder: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    """Soonest of all, and behind every safe one."""
    golden["isolation"] += [{**f, "strategy": "pool"} for f in golden["isolation"]
                            if f["strategy"] == "fork"]
    found = as_json(capsys, *WISH, str(write(golden, folder)))
    assert found["answers"][0]["strategy"] == "zygote"
    assert by_strategy(found)["pool"]["unsafe"]
    assert any(x.startswith("Not pool, though sooner") for x in found["explanation"])


def test_pool_pays_for_its_refill(golden: dict[str, Any], folder: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    """CPU by the image, and fork handlers: neither is on the way of a request. Warm: work twice."""
    ahead(golden)
    write(golden, folder)
    words = (*WISH, "--anon", "90M", "--vmas", "400", "--maps", "300", "--fds", "20", str(folder))
    cold = as_json(capsys, *words, "--hooks", "2ms")
    image = tuple(cold["image"].values())
    cpu = make_model.worth(make_model.PRICES["pool"]["cpu"], image)
    pool = by_strategy(cold)["pool"]
    assert pool["cpu_ns_per_child"] == pytest.approx(cpu + 2e6 + 3e6, rel=0.01)
    assert pool["cpu_share"] == pytest.approx(20 * (cpu + 5e6) / 1e9, rel=0.01)
    assert pool["ready"]["value_ns"] == pytest.approx(24e3, rel=0.01)
    assert f"({units.time(pool['cpu_ns_per_child'] - 3e6)} of CPU" in " ".join(pool["notes"])
    assert "the work twice" not in " ".join(pool["notes"])
    warm = by_strategy(as_json(capsys, *words, "--hooks", "2ms", "--warm"))
    assert warm["pool"]["cpu_ns_per_child"] - pool["cpu_ns_per_child"] == pytest.approx(3e6)
    assert "the work twice" in " ".join(warm["pool"]["notes"])
    assert warm["pool"]["ready"] == pool["ready"]
    assert warm["zygote"] == by_strategy(cold)["zygote"]


def test_what_an_idle_child_weighs(golden: dict[str, Any], folder: Path,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    """Measured while it waits; else what it has for itself; else only what the model knows."""
    def idle(*words: str) -> tuple[float, str]:
        pool = by_strategy(as_json(capsys, *WISH, "--pool", "10", *words,
                                   str(write(golden, folder))))["pool"]
        note = next(n for n in pool["notes"] if n.startswith("idle: "))
        return pool["idle_bytes"] / 10 - pool["page_tables_bytes"], note

    cases = golden["cases"]
    each, note = idle()
    assert each == pytest.approx(0, abs=1) and "page tables alone (run the scenario memory)" in note
    for rows, cold, warm in ((WEIGHTS[2:3] + WEIGHTS[5:], 11e6, 13e6),
                             (WEIGHTS[1:3] + WEIGHTS[4:], 0.9e6, 13e6), (WEIGHTS, 4e6, 16e6)):
        golden["cases"] = list(cases)
        weigh(golden, *rows)
        assert idle()[0] == pytest.approx(cold)
        assert idle("--warm")[0] == pytest.approx(warm)
        assert ("PSS as of 16 that waited" in idle()[1]) == (rows is WEIGHTS)


def test_check_of_pool(golden: dict[str, Any], folder: Path,
                       capsys: pytest.CaptureFixture[str]) -> None:
    """By its level; the cold one, whichever comes first in the file."""
    ahead(golden)
    golden["cases"][-2:] = golden["cases"][:-3:-1]
    write(golden, folder)
    found = {c["strategy"]: c for c in as_json(capsys, "--check", str(folder))["checks"]}
    pool = found["pool"]
    assert pool["case"] == "startup/pool/python/warm=no" and pool["good"]
    assert pool["ratio"] == pytest.approx(24 / 26, rel=0.01)
    assert pool["basis"] == "made ahead, whatever the image"
    slow(case_of(golden, "startup/pool/python/warm=no"), 1.5)
    code, out, _ = told(capsys, "--check", str(write(golden, folder)))
    assert code == 1 and "OFF" in next(x for x in out.splitlines() if x.startswith("pool"))


def test_sandbox(golden: dict[str, Any], folder: Path,
                 capsys: pytest.CaptureFixture[str]) -> None:
    """Only strategies that were measured in it, with its price; without any: exit 3."""
    code, out, err = told(capsys, *WISH, "--sandbox", "pid+net", str(folder))
    assert code == 3 and out == "" and "run sandbox --set 'sandbox=none, pid+net'" in err
    golden["cases"] = [c for c in golden["cases"] if c["scenario"] != "sandbox"]
    words = (*WISH, "--sandbox", "full", str(folder))
    plain = case_of(golden, "model/zygote/heap/heap_mb=0")
    m = {n: {**v, "blocks": [b + 700e3 for b in v["blocks"]]} for n, v in plain["metrics"].items()}
    golden["cases"].append({**plain, "name": "x", "sandbox": "full", "metrics": m})
    write(golden, folder)
    without = by_strategy(as_json(capsys, *WISH, str(folder)))["zygote"]
    found = by_strategy(as_json(capsys, *words))
    assert set(found) == {"zygote"}
    assert found["zygote"]["ready"]["value_ns"] - without["ready"]["value_ns"] == \
        pytest.approx(700e3)
    assert found["zygote"]["inherited"] == [0, 24]  # by whoever attacked in it


def test_several_runs_complete_each_other(golden: dict[str, Any], tmp_path: Path,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    """The model from one, isolation and memory from another; a file's own name is as good."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    cases = golden["cases"]
    write({**golden, "isolation": [], "cases": [c for c in cases if c["scenario"] == "model"]}, one)
    write({**golden, "cases": [c for c in cases if c["scenario"] != "model"]}, two)
    (one / "run.json").rename(one / "mine.json")
    alone = by_strategy(as_json(capsys, *WISH, str(one / "mine.json")))["zygote"]
    assert alone["inherited"] is None and alone["private_bytes"] is None
    both = by_strategy(as_json(capsys, *WISH, str(one / "mine.json"), str(two)))["zygote"]
    assert both["inherited"] == [0, 24] and both["private_bytes"]
    code, _, err = told(capsys, *WISH, str(two))
    assert code == 3 and "build/spawnmark run scenarios/model.ini" in err


@pytest.mark.parametrize("words, said", [
    (("--rss", "180Q"), "'180Q': expected a size such as 180M"),
    (("--rss", "-1M"), "expected one argument"),
    (("--import", "1.4"), "'1.4': expected a time such as 1.4s"),
    (("--rate", "20/fortnight"), "expected a rate such as 20/s"),
    (("--vmas", "many"), "expected a whole number"),
    (("--rs", "180M"), "unrecognized arguments"),
])
def test_bad_usage(folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
                   said: str) -> None:
    with pytest.raises(SystemExit) as stop:
        advise.main([*WISH, *words, str(folder)])
    err = capsys.readouterr().err
    assert stop.value.code == 2 and said in err and err.count("\n") == 1


def test_bad_input(golden: dict[str, Any], folder: Path,
                   capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        advise.main(["--rss", "1M", str(folder)])
    assert stop.value.code == 2 and "--import is missing" in capsys.readouterr().err
    code, _, err = told(capsys, *WISH, str(folder / "nowhere"))
    assert code == 2 and "No such file" in err and err.count("\n") == 1
    golden["cases"][0]["status"] = "fine"
    code, _, err = told(capsys, *WISH, str(write(golden, folder)))
    assert code == 2 and "cases/0/status" in err


def test_check(golden: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The golden run's python is within 25 % of what its model says; one third off is not."""
    found = as_json(capsys, "--check", str(folder))
    by = {c["strategy"]: c for c in found["checks"]}
    assert set(by) == {"popen", "vfork", "fork", "forkserver", "zygote"}
    assert all(c["good"] and 0.75 <= c["ratio"] <= 1.25 for c in by.values())
    true = make_model.worth(make_model.PRICES["zygote"]["ready"], make_model.PYTHON)
    assert by["zygote"]["ratio"] == pytest.approx(true / 1.0e6, rel=0.01)
    slow(case_of(golden, "startup/zygote/python"), 1.34)
    code, out, _ = told(capsys, "--check", str(write(golden, folder)))
    line = next(x for x in out.splitlines() if x.startswith("zygote"))
    assert code == 1 and "OFF" in line
    case = case_of(golden, "startup/zygote/python")
    case["blocks"] = case["blocks"][:5]
    for m in case["metrics"].values():
        m["blocks"] = m["blocks"][:5]
    code, out, _ = told(capsys, "--check", str(write(golden, folder)))
    line = next(x for x in out.splitlines() if x.startswith("zygote"))
    assert code == 4 and "few blocks" in line


def test_check_takes_nothing_from_the_case_itself(golden: dict[str, Any], folder: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    """A slower forkserver changes what is predicted for fork, not what is for itself."""
    def ratios() -> dict[str, Any]:
        return {c["strategy"]: c for c in as_json(capsys, "--check", str(folder))["checks"]}

    before = ratios()
    slow(case_of(golden, "startup/forkserver/python"), 2.0)
    write(golden, folder)
    after = ratios()
    assert after["forkserver"]["predicted"] == before["forkserver"]["predicted"]
    assert after["forkserver"]["ratio"] == pytest.approx(before["forkserver"]["ratio"] / 2)
    assert after["fork"]["predicted"]["value_ns"] > before["fork"]["predicted"]["value_ns"] + 1e6
    golden["cases"] = [c for c in golden["cases"] if c["name"] != "startup/fork/python"]
    write(golden, folder)
    found = as_json(capsys, "--check", str(folder))
    assert "forkserver" not in {c["strategy"] for c in found["checks"]}
    assert any(s.startswith("startup/forkserver/python: its fork") for s in found["skipped"])


def test_a_payload_of_the_model_comes_first(golden: dict[str, Any], folder: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    """It has taken turns with the sweeps; both are checked, each by its own neighbours."""
    for case in [c for c in golden["cases"] if c["scenario"] == "startup"]:
        if case["payload"] == "python":
            again = json.loads(json.dumps(case).replace("startup", "model"))
            again["image"]["copied_bytes"] //= 2
            golden["cases"].append(again)
    write(golden, folder)
    found = as_json(capsys, "--check", str(folder))["checks"]
    assert len(found) == 10
    zygote = {c["case"]: c["ratio"] for c in found if c["strategy"] == "zygote"}
    assert zygote["model/zygote/python"] < 0.75 < zygote["startup/zygote/python"]
    half = as_json(capsys, *WISH, str(folder))["image"]["copied_mib"]
    assert half == pytest.approx(180 * 15 * 2**20 / 130e6, rel=1e-6)


def test_a_crowd_is_judged_by_p10(golden: dict[str, Any], folder: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    """Long spawns are interrupted, short and undisturbed ones are not: medians prove nothing."""
    for case in golden["cases"]:
        if case["strategy"] != "zygote" or not case["image"] or case["kind"] != "latency":
            continue
        slow(case, 1 + (case["image"]["copied_bytes"] / 2**20 / 80) ** 3)
        if case["payload"] == "python":
            slow(case, 2.0)
    write(golden, folder)
    code, out, _ = told(capsys, "--check", str(folder))
    assert code == 0 and "good: the ratio of p10 (ready bends" in out
    assert "The machine of the model's run was shared" in told(capsys, *WISH, str(folder))[1]
    found = {c["strategy"]: c for c in as_json(capsys, "--check", str(folder))["checks"]}
    assert found["zygote"]["ratio"] < 0.75 and found["zygote"]["judged_by"] == "p10"
    case = case_of(golden, "startup/zygote/python")
    case["ecdf"]["ready"] = [x * 1.5 for x in case["ecdf"]["ready"]]
    assert told(capsys, "--check", str(write(golden, folder)))[0] == 1


def test_check_needs_a_payload(golden: dict[str, Any], folder: Path,
                               capsys: pytest.CaptureFixture[str]) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["payload"] != "python"]
    code, _, err = told(capsys, "--check", str(write(golden, folder)))
    assert code == 3 and "scenarios/model.ini startup" in err


def test_upper_bound_without_a_measured_payload(golden: dict[str, Any], tmp_path: Path) -> None:
    golden["cases"] = [c for c in golden["cases"] if c["payload"] != "python"]
    run = runfile.Run(golden, tmp_path)
    image, said = advice.image_for(Wish(rss=180 * 2.0**20), [run])
    assert image.copied_mib == 180 and image.tables == 90 and "upper bound" in said
