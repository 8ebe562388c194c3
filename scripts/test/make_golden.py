#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_golden.py > run.json: a small run with plausible figures, always the same.

Every block of a case is its centre times the same twelve factors, so that medians, intervals and
paired ratios can be told by hand: the median factor is 1, the interval's ranks for 12 blocks are
3 and 10, and a ratio of two cases is the ratio of their centres in every block.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import make_model
from stats_by_hand import FACTORS, metric

STRATEGIES: dict[str, tuple[list[str], str]] = {
    "fork": (["CHILD_OF_PARENT", "PARENT_LOADS", "NEGATIVE_CONTROL", "RUNS_ATFORK"],
             "clone of the parent itself: the negative control"),
    "forkserver": (["OWN_SERVER", "RUNS_ATFORK"], "fork() in a server behind a named socket"),
    "popen": (["CHILD_OF_PARENT", "FRESH_IMAGE"], "fork, exec, three pipes and an error pipe"),
    "vfork": (["CHILD_OF_PARENT", "FRESH_IMAGE"], "vfork, exec, three pipes and an error pipe"),
    "zygote": (["CHILD_OF_PARENT", "OWN_SERVER"], "clone(CLONE_PARENT) in a warm server"),
    "raw": (["CHILD_OF_PARENT", "PARENT_LOADS", "METER"], "the floor: raw clone, nothing else"),
    "noop": (["METER"], "the meter itself"),
}
# entered, ready, worked, reaped in ns
PYTHON = {
    "popen": (15e6, 400e6, 403e6, 420e6), "vfork": (14.6e6, 398e6, 401e6, 418e6),
    "fork": (0.95e6, 1.0e6, 2.9e6, 5.0e6), "forkserver": (1.2e6, 1.3e6, 3.3e6, 5.9e6),
    "zygote": (0.9e6, 1.0e6, 2.9e6, 5.1e6), "raw": (0.88e6, 0.88e6, 0.88e6, 1.5e6),
}
NONE = {
    "popen": (740e3, 741e3, 742e3, 800e3), "vfork": (690e3, 691e3, 692e3, 760e3),
    "fork": (58e3, 58.5e3, 59e3, 120e3), "forkserver": (150e3, 150.6e3, 151e3, 230e3),
    "zygote": (70e3, 70.5e3, 71e3, 130e3), "raw": (43e3, 43e3, 43e3, 64e3),
}
#: The rest of the strategies, which everything() has as well; in python, pool twice.
MORE: dict[str, tuple[list[str], str]] = {
    "posix_spawn": (["CHILD_OF_PARENT", "FRESH_IMAGE"], "posix_spawn(3) with three pipes"),
    "shell": (["CHILD_OF_PARENT", "FRESH_IMAGE"], "/bin/sh -c, as popen(3)"),
    "recycle": (["OWN_SERVER", "REUSES_PROCESS", "NEGATIVE_CONTROL"], "one process for all"),
    "zygote3": (["CHILD_OF_PARENT", "OWN_SERVER", "RUNS_ATFORK", "SANDBOXES"], "clone3, pidfd"),
    "subreaper": (["CHILD_OF_PARENT", "OWN_SERVER", "RUNS_ATFORK"], "two forks, one reaper"),
    "pool": (["CHILD_OF_PARENT", "OWN_SERVER", "RUNS_ATFORK", "AHEAD", "SANDBOXES"],
             "zygote3 that keeps unused children"),
}
STRATEGIES |= MORE
MORE_PYTHON = {
    "posix_spawn": (14.8e6, 399e6, 402e6, 419e6), "shell": (16e6, 402e6, 405e6, 421e6),
    "recycle": (20e3, 20e3, 120e3, 125e3), "zygote3": (0.9e6, 1.01e6, 2.8e6, 5.0e6),
    "subreaper": (1.4e6, 1.5e6, 3.5e6, 6.0e6)}
POOLS = {"no": (15e3, 15e3, 1.5e6, 4e6), "yes": (16e3, 16e3, 150e3, 4.5e6)}
#: A few of them: the most that one case has, and how many had none.
FAULTS = {"no": {"n": 60, "none": 0, "p50": 310, "max": 330},
          "yes": {"n": 60, "none": 60, "p50": 0, "max": 0}}
SECRETS = ("heap", "stack", "bss", "tls", "thread-stack", "anon", "environ", "argv", "memfd",
           "pipe", "wipeonfork", "dontfork")
OTHERS = ("request", "payload", "sibling-request", "sibling-payload")  # other children's
ATTACKS = (("proc-mem", "parent"), ("proc-mem", "server"), ("proc-mem", "sibling"),
           ("proc-environ", "parent"), ("vm-readv", "parent"), ("ptrace", "parent"),
           ("pidfd-getfd", "parent"), ("kill", "sibling"), ("taint", "next child"))


def metrics(instants: tuple[float, ...]) -> dict[str, Any]:
    entered, ready, worked, reaped = instants
    return {"created": metric(entered * 1.1), "entered": metric(entered), "ready": metric(ready),
            "worked": metric(worked), "reaped": metric(reaped),
            "teardown": metric(reaped - worked)}


def timeline(strategy: str, instants: tuple[float, ...]) -> dict[str, float | None]:
    entered, ready, worked, reaped = instants
    served = "OWN_SERVER" in STRATEGIES[strategy][0]
    return {"received": entered * 0.08 if served else None,
            "cloning": entered * 0.12 if served else None,
            "created": min(entered * 1.1, ready), "entered": entered, "ready": ready,
            "worked": worked, "recorded": worked + (reaped - worked) * 0.1, "reaped": reaped}


def blocks() -> list[dict[str, Any]]:
    return [{"index": i, "order": i, "at_ns": 1000 + i, "instance": 4000 + i, "n": 5, "failed": 0,
             "warmup": 1, "steal_ns": 0, "nivcsw": 1, "majflt": 0, "cpu_ns": 10_000_000}
            for i in range(len(FACTORS))]


def case(name: str, kind: str, strategy: str, payload: str, **more: Any) -> dict[str, Any]:
    """A case with everything empty that is not given."""
    traits, text = STRATEGIES[strategy]
    made: dict[str, Any] = {
        "name": name, "scenario": name.split("/")[0], "section": payload, "kind": kind,
        "label": "python (numpy, pandas, pyarrow)" if payload == "python" else payload,
        "strategy": strategy, "summary": text, "traits": traits, "payload": payload,
        "target": None, "sandbox": "none", "pin": "same", "params": {}, "image": None,
        "status": "ok", "errors": [], "floor": None, "metrics": {}, "ecdf": None,
        "timeline": None, "cpu": None, "blocks": [], "noise": None, "throughput": [],
        "memory": []}
    assert more.keys() <= made.keys() | {"faults", "soak", "soak_flat"}
    return {**made, **more}


def image(strategy: str, served: bool) -> dict[str, Any]:
    """Of the python payload where it is cloned, else of a parent that has loaded nothing."""
    if served or strategy == "fork":
        return make_model.raw_image(make_model.PYTHON, "server" if served else "parent",
                                    130_000_000)
    return make_model.raw_image(make_model.PARENT, "parent", 4_000_000)


def latency(scenario: str, strategy: str, payload: str, instants: tuple[float, ...],
            **more: Any) -> dict[str, Any]:
    params = more.pop("params", {})
    suffix = "".join(f"/{k}={v}" for k, v in params.items())
    floor = {"case": f"{scenario}/raw/{payload}", "entered_ns": 0.88e6, "reaped_ns": 1.5e6}
    if payload == "none":
        floor.update(entered_ns=43e3, reaped_ns=64e3)
    served = "OWN_SERVER" in STRATEGIES[strategy][0]
    spread = [instants[1] * (0.9 + 0.3 * (q / 49) ** 4) for q in range(50)]
    return case(
        f"{scenario}/{strategy}/{payload}{suffix}", "latency", strategy, payload, params=params,
        image=image(strategy, served),
        floor=None if strategy in ("raw", "noop") else floor, metrics=metrics(instants),
        ecdf={"ready": spread, "worked": [x * instants[2] / instants[1] for x in spread]},
        timeline=timeline(strategy, instants), blocks=blocks(),
        cpu={"accounting": "cgroup-v1", "per_child_ns": instants[3] * 0.9,
             "user_ns": instants[3] * 0.2, "system_ns": instants[3] * 0.7, "children": 60},
        noise={"steal_ns": 0, "nivcsw": 12, "majflt": 0, "flagged": 0, "lag1": 0.1}, **more)


def startup() -> list[dict[str, Any]]:
    made = [latency("startup", s, "python", t) for s, t in PYTHON.items()]
    for strategy, instants in NONE.items():
        if strategy not in ("popen", "vfork"):
            made.append(latency("startup", strategy, "none", instants))
            continue
        for target, factor in (("dynamic", 1), ("static", 0.88), ("nolibc", 0.07)):
            scaled = tuple(x * factor for x in instants)
            made.append(latency("startup", strategy, "none", scaled, target=target,
                                params={"target": target}))
    return [*made, latency("startup", "noop", "none", (200.0, 210.0, 220.0, 300.0))]


def throughput() -> list[dict[str, Any]]:
    made = []
    for strategy, instants in PYTHON.items():
        if strategy == "raw":
            continue
        per_s = 1e9 / instants[3]
        points = [{"cpus": cpus, "in_flight": c, "children": 100, "failed": 0,
                   "children_per_s": per_s * cpus, "children_per_s_ci": None,
                   "children_per_cpu_s": per_s * (1.1 + 0.01 * c),
                   "children_per_cpu_s_ci": [per_s, per_s * 1.3], "user_ns": instants[3] * 0.3,
                   "system_ns": instants[3] * 0.6, "busy_ns": instants[3] * 0.95,
                   "rusage_ns": instants[3] * 0.9, "accounting": "cgroup-v1",
                   "p50": instants[1] * c, "p99": instants[1] * c * 3}
                  for cpus in (1, 2) for c in (1, 4)]
        made.append(case(f"throughput/{strategy}/python", "throughput", strategy, "python",
                         throughput=points))
    return made


def memory() -> list[dict[str, Any]]:
    made = []
    for strategy, whole in (("popen", 120e6), ("fork", 14e6), ("zygote", 14e6)):
        rows = []
        for alive in (1, 16, 64):
            for at, more in (("ready", 0.7), ("worked", 1.0)):
                fits = not (strategy == "popen" and alive == 64)
                pss = whole * more * (1 - 0.1 * (alive > 1)) if fits else None
                rows.append({
                    "alive": alive, "at": at,
                    "reason": None if fits else "64 children do not fit half of MemAvailable",
                    "pss_bytes": pss, "uss_bytes": pss and pss * 0.4,
                    "rss_bytes": pss and pss * 2, "private_dirty_bytes": pss and pss * 0.4,
                    "page_tables_bytes": pss and 600e3, "minflt": pss and 400,
                    "server_pss_bytes": pss and 60e6, "total_pss_bytes": pss and pss * alive})
        made.append(case(f"memory/{strategy}/python", "memory", strategy, "python", memory=rows))
    return made


def scale() -> list[dict[str, Any]]:
    made = []
    for key, values in (("heap_mb", (0, 16, 64, 256, 1024)), ("heap_vmas", (0, 1000, 8000)),
                        ("heap_fds", (0, 100, 1000))):
        for strategy, base, slope in (("popen", 800e3, 1.0), ("zygote", 70e3, 900.0)):
            for v in values:
                ready = base + slope * v * (7 if key == "heap_mb" else 0.2)
                made.append(latency("scale", strategy, "heap",
                                    (ready * 0.98, ready, ready * 1.1, ready * 1.6),
                                    params={key: str(v)}, section=key))
    return made


LAYERS = {"none": 0.0, "pid": 20e3, "net": 270e3, "seccomp": 55e3, "full": 560e3}


def sandbox() -> list[dict[str, Any]]:
    """Differences are the layers' own figures in every block, as none is a constant beside them."""
    made = []
    for strategy in ("popen", "zygote"):
        for name, ns in LAYERS.items():
            instants = tuple(x + ns for x in NONE[strategy])
            one = latency("sandbox", strategy, "none", instants, sandbox=name,
                          section="layers", params={"sandbox": name})
            tail = instants[1] * 4
            one["metrics"]["ready"].update(p99=tail, p99_ci=[tail * 0.8, tail * 1.5])
            made.append(one)
    refused = case("sandbox/zygote/none/sandbox=cgroup", "latency", "zygote", "none",
                   section="layers", sandbox="cgroup", params={"sandbox": "cgroup"},
                   status="unavailable",
                   errors=[{"block": 0, "stage": "sandbox", "errno": 30, "count": 1,
                            "text": "layer cgroup: Read-only file system"}])
    return [*made, refused]


def schedule(rate: float, ready: float, **more: Any) -> dict[str, Any]:
    """A try of a rate: what arrives is the rate itself, and the tail is four times the median."""
    return {"rate": rate, "n": 300, "failed": 0, "missed": 0, "overloaded": False, "offered": rate,
            "achieved": rate, "cpu_per_child_ns": 200e3, "p50": ready, "p99": ready * 4,
            "lag_p50": 30e3, "lag_p99": ready * 2, **more}


def capacity() -> list[dict[str, Any]]:
    """popen held 400 and zygote 1600; the next rate was too much; Python by exec always is."""
    made = []
    for strategy, payload, last, ready in (("popen", "none", 400.0, 741e3),
                                           ("zygote", "none", 1600.0, 70.5e3),
                                           ("fork", "none", 3200.0, 58.5e3)):
        rates = [last / 4, last / 2, last, last * 2]
        points = [schedule(r, ready * (1 + r / last), tries=3, held=3) for r in rates[:3]]
        points.append(schedule(rates[3], 40e6, tries=6, held=0, overloaded=True, missed=70,
                               achieved=last * 1.5))
        made.append(_capacity(strategy, payload, points, "about", last, [last / 2, last * 2]))
    for strategy, relation, rate, ends in (("popen", "none", 0.0, [0.0, 2.0]),
                                           ("zygote", "at most", 20.0, [0.0, 20.0]),
                                           ("forkserver", "at least", 320.0, [320.0, None])):
        ready = PYTHON[strategy][1]
        points = [schedule(rate or 2.0, ready, tries=2, held=2 * (relation == "at least"),
                           p99=None if relation == "none" else ready * 4)]
        made.append(_capacity(strategy, "python", points, relation, rate, ends))
    return made


def _capacity(strategy: str, payload: str, points: list[dict[str, Any]], relation: str,
              rate: float, ends: list[float | None]) -> dict[str, Any]:
    found = [{"index": i, "holds": rate or None, "fails": ends[1]} for i in range(3)]
    return {**case(f"capacity/{strategy}/{payload}", "capacity", strategy, payload),
            "capacity": {"metric": "ready", "quantile": 0.99, "bound_ns": 10e6,
                         "arrivals": "poisson", "rate_per_cpu": rate, "relation": relation,
                         "interval": ends, "blocks": found, "points": points}}


def arrivals() -> list[dict[str, Any]]:
    made = []
    for kind, factor in (("poisson", 1.5), ("steady", 1.0), ("burst", 6.0)):
        instants = tuple(x * factor for x in NONE["zygote"])
        one = latency("pool", "zygote", "none", instants, params={"arrivals": kind})
        one["kind"] = "open"
        one["metrics"]["ready"]["p99"] = instants[1] * 5
        one["open"] = schedule(200.0, instants[1], arrivals=kind, limit=64, p99=instants[1] * 5,
                               burst=16 if kind == "burst" else None)
        made.append(one)
    return made


def outcome(strategy: str, secret: str) -> str:
    if strategy != "fork":
        return "absent"
    return "blocked" if secret.startswith("dontfork") else "leaked"


def isolation() -> list[dict[str, Any]]:
    rows = []
    for strategy, payload, sandboxed in (
            *((s, p, "none") for p in ("none", "python")
              for s in ("popen", "fork", "forkserver", "zygote")),
            ("popen", "none", "full"), ("zygote", "none", "full")):
        base = {"strategy": strategy, "payload": payload, "sandbox": sandboxed}
        for who in ("root", "same", "undumpable", "other"):
            for secret in (f"{s}/{w}" for s in SECRETS for w in ("before", "after")):
                what = outcome(strategy, secret)
                rows.append({**base, "attacker": who, "secret": secret, "attack": "self-scan",
                             "target": "self", "kind": "inherited", "outcome": what,
                             "errno": "EFAULT" if what == "blocked" else None,
                             "evidence": f"<{secret}> & 1 hit" if what == "leaked" else ""})
            for secret in OTHERS:
                rows.append({**base, "attacker": who, "secret": secret, "attack": "self-scan",
                             "target": "self", "kind": "inherited", "errno": None,
                             "outcome": "leaked" if strategy == "fork" else "absent",
                             "evidence": ""})
            for attack, target in ATTACKS:
                free = (who in ("root", "same") and attack != "taint"
                        and sandboxed == "none")
                rows.append({**base, "attacker": who, "secret": "-", "attack": attack,
                             "target": target, "kind": "reachable",
                             "outcome": "absent" if attack == "taint" else
                             "leaked" if free else "blocked",
                             "errno": None if free or attack == "taint" else
                             "ESRCH" if sandboxed == "full" else "EPERM",
                             "evidence": "read 32 bytes" if free else ""})
    return rows


def attached() -> dict[str, Any]:
    rows = [{"name": f"meter/raw/{who}/manual_time", "run_type": "iteration",
             "repetition_index": i, "real_time": (43.0 + 0.01 * i) * factor, "time_unit": "us"}
            for who, factor in (("gbench", 1.0), ("host", 1.02)) for i in range(9)]
    e2e = [{"command": "python import", "median": 0.41,
            "times": [0.40 + 0.002 * i for i in range(11)]}]
    return {"micro": {"context": {}, "benchmarks": rows}, "e2e": {"results": e2e}}


def context(cases: list[dict[str, Any]]) -> dict[str, Any]:
    environment = {
        "kernel": "6.18.44", "kernel_version": "#1 SMP", "cmdline": "quiet", "machine": "x86_64",
        "cpu_model": "Xeon", "microcode": "0x1", "hypervisor": True,
        "mitigations": {"spectre_v2": "Mitigation: IBRS"}, "libc": "glibc 2.36",
        "compiler": "gcc 12.2", "thp": "madvise", "clocksource": "tsc", "governor": None,
        "aslr": 2, "cgroup": "v1-hybrid", "mem_total_bytes": 8_000_000_000, "swap_bytes": 0,
        "yama": None, "uid": 0, "overcommit": 0, "python": "3.11.2", "psi_cpu_some_avg10": 0.1,
        "steal_ns": 0, "uptime_s": 100}
    order = [{"block": b, "case": c["name"], "at_ns": None} for b in (0, 1) for c in cases]
    mark = {
        "schema": "spawnmark/1", "version": "0.1.0", "seed": 42, "started": "2026-11-23T21:00:00Z",
        "finished": "2026-11-23T21:05:00Z", "argv": ["spawnmark", "run", "startup"],
        "quick": False, "commit": None,
        "plan": {"scenarios": [{"name": "startup", "file": "scenarios/startup.ini",
                                "text": "[global]\nblocks = 12\n"}], "order": order},
        "environment": environment, "fingerprint": "0123456789abcdef",
        "calibration": [{"name": "clock_read_ns", "p50": 30.1, "lo": 29.9, "hi": 30.4, "n": 1000},
                        {"name": "page_fault_ns", "p50": 510.0, "lo": None, "hi": None, "n": 9}]}
    return {"date": "2026-11-23T21:00:00+00:00", "host_name": "vm", "executable": "spawnmark",
            "num_cpus": 2, "mhz_per_cpu": 2600, "cpu_scaling_enabled": False,
            "aslr_enabled": True, "caches": [], "load_avg": [0.1, 0.2, 0.3],
            "library_version": "0.1.0", "library_build_type": "release",
            "json_schema_version": 1, "spawnmark": mark}


def benchmarks(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many rows as show the shape; the reports do not read them."""
    rows = []
    for family, c in enumerate(cases[:2]):
        for i, value in enumerate(c["metrics"]["ready"]["blocks"]):
            name = f"{c['name']}/ready"
            rows.append({"name": name, "run_name": name, "family_index": family,
                         "per_family_instance_index": 0, "run_type": "iteration",
                         "repetitions": len(FACTORS), "repetition_index": i, "threads": 1,
                         "iterations": 5, "real_time": value, "cpu_time": value * 0.9,
                         "time_unit": "ns"})
    return rows


def golden() -> dict[str, Any]:
    cases = [*startup(), *throughput(), *memory(), *scale(), *sandbox(), *capacity(),
             *arrivals(), *make_model.cases(latency, FACTORS)]
    bits = [{"strategy": s, "payload": "none", "what": what, "width_bits": 56 if what == "canary"
             else 28, "shared_bits": 0 if s == "popen" else 56 if what == "canary" else 28,
             "siblings": 8}
            for s in ("popen", "forkserver", "zygote") for what in ("canary", "stack", "mmap")]
    return {"context": context(cases), "benchmarks": benchmarks(cases), "cases": cases,
            "isolation": isolation(), "shared_bits": bits, "attached": attached(),
            "incomplete": None}


def _load(strategy: str, rates: dict[int, float]) -> dict[str, Any]:
    """Payload none on one CPU, rates by children in flight; blocks as everywhere."""
    rows = [{"cpus": 1, "in_flight": depth, "children": 1000, "failed": 0,
             "children_per_s": rate, "children_per_s_ci": [rate * 0.96, rate * 1.04],
             "children_per_cpu_s": rate, "children_per_cpu_s_ci": [rate * 0.96, rate * 1.04],
             "blocks": [{"index": i, "children_per_cpu_s": rate * f}
                        for i, f in enumerate(FACTORS)],
             "user_ns": 1e9 / rate * 0.2, "system_ns": 1e9 / rate * 0.7, "busy_ns": 1e9 / rate,
             "rusage_ns": 1e9 / rate * 0.9, "accounting": "cgroup-v1", "p50": 1e9 / rate,
             "p99": 3e9 / rate} for depth, rate in rates.items()]
    return case(f"throughput/{strategy}/none", "throughput", strategy, "none", throughput=rows)


def _memory(strategy: str, params: dict[str, str], whole: float, idle: float | None
            ) -> dict[str, Any]:
    """One child alive after its work, and the idle ones."""
    known = {"reason": None, "uss_bytes": 1e6, "rss_bytes": 9e7, "private_dirty_bytes": 1e6,
             "page_tables_bytes": 6e5, "minflt": 300, "server_pss_bytes": 6e7,
             "total_pss_bytes": 9e7}
    rows = [{"alive": n, "at": at, "pss_bytes": whole, **known}
            for n in (1, 16) for at in ("ready", "worked")]
    if idle is not None:
        rows.insert(0, {"alive": 4, "at": "idle", "pss_bytes": idle, **known})
    suffix = "".join(f"/{k}={v}" for k, v in params.items())
    return case(f"memory/{strategy}/python{suffix}", "memory", strategy, "python", params=params,
                memory=rows)


def _soak(strategy: str) -> dict[str, Any]:
    looks = [{"spawns": n, "parent_fds": 9, "server_fds": 7, "zombies": 0,
              "parent_rss_bytes": 2_000_000, "server_rss_bytes": 2_100_000 + n // 10}
             for n in range(100_000, 1_000_001, 100_000)]
    made = latency("soak", strategy, "none", (60e3, 60e3, 60e3, 100e3), soak=looks,
                   soak_flat=True)
    return {**made, "floor": None, "blocks": made["blocks"][:1], "metrics": {
        k: {**m, "blocks": m["blocks"][:1], "p50_ci": None} for k, m in made["metrics"].items()}}


def everything() -> dict[str, Any]:
    """golden(), with the other strategies and the scenarios that only they are promised in."""
    run = golden()
    more = [latency("startup", s, "python", t) for s, t in MORE_PYTHON.items()]
    more += [latency("startup", "pool", "python", t, params={"warm": w}, faults=FAULTS[w])
             for w, t in POOLS.items()]
    more += [latency("small", "popen", "python", PYTHON["popen"]),
             latency("small", "pool", "python", POOLS["yes"], params={"warm": "yes"},
                     faults=FAULTS["yes"])]
    for s, (entered, ready, worked, reaped) in MORE_PYTHON.items():
        none = entered / 20, entered / 20, entered / 20 + 500, entered / 10
        more.append(latency("startup", s, "none", none))
        more.append(latency("scale", s, "heap", none, params={"heap_mb": "0"}, section="heap_mb"))
        more.append(latency("scale", s, "heap", tuple(9 * x for x in none),
                            params={"heap_mb": "1024"}, section="heap_mb"))
    more.append(latency("startup", "pool", "none", (9e3, 9e3, 9.5e3, 60e3)))
    more += [_load("raw", {1: 10_000.0}), _load("zygote3", {1: 7_000.0, 4: 7_500.0}),
             _load("recycle", {1: 60_000.0, 4: 62_000.0}), _load("pool", {1: 5_000.0, 4: 6_000.0})]
    more += [_memory("pool", {"warm": "no"}, 13e6, 9e6), _memory("pool", {"warm": "yes"}, 14e6, 11e6),
             _memory("zygote3", {}, 13.5e6, None), _memory("recycle", {}, 80e6, None)]
    for s, extra in (("zygote3", 0.7e6), ("pool", 20e3)):
        base = 1.01e6 if s == "zygote3" else 15e3
        for name, ready in (("none", base), ("full", base + extra)):
            more.append(latency("sandbox", s, "python", (ready, ready, ready * 2, ready * 3),
                                sandbox=name, section="python", params={"sandbox": name}))
    more += [_soak("zygote3"), _soak("pool")]
    run["cases"] += more
    return run


if __name__ == "__main__":
    json.dump(golden(), sys.stdout, indent=1)
