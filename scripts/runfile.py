# SPDX-License-Identifier: MIT
"""A results folder's run.json: read, checked against the schema, given names.

The only thing that the reports know of a run. What can be null in the file is None here.
"""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

SCHEMA = Path(__file__).resolve().parent.parent / "harness" / "driver" / "run.schema.json"

#: The order in which strategies are shown; others follow by name.
STRATEGY_ORDER = ("popen", "vfork", "posix_spawn", "shell", "fork", "recycle", "forkserver",
                  "zygote", "zygote3", "subreaper", "pool")
#: Keys of a scenario that are options of strategies, and the words for two of their values.
OPTIONS = ("collapse", "freeze", "pool_size", "prefault", "refill", "trim", "warm")
WORDS = {("warm", "yes"): "warm", ("warm", "no"): "cold"}
#: The newest schema that this reader knows, as context.spawnmark.schema has it.
SCHEMA_NAME = re.compile(r"spawnmark/(\d+)")
SCHEMA_NUMBER = 1
#: Of google-benchmark's rows, which no report reads; scripts/check_schema.py checks them all.
ROWS_CHECKED = 20
METRICS = ("created", "entered", "ready", "worked", "reaped", "teardown")


class RunError(Exception):
    """One line for the user: what is wrong with the file, and where."""


@dataclass(frozen=True)
class Metric:
    """Span from request to the instant it is named after, ns."""

    name: str
    n: int
    p50: float
    ci: tuple[float, float] | None
    p90: float | None
    p99: float | None
    p99_ci: tuple[float, float] | None
    minimum: float | None
    maximum: float | None
    blocks: dict[int, float | None]  # medians by the run's block index

    @property
    def nblocks(self) -> int:
        return sum(b is not None for b in self.blocks.values())


def _interval(value: list[float] | None) -> tuple[float, float] | None:
    return (value[0], value[1]) if value else None


def _word(key: str, value: str) -> str:
    """A value as a name has it: 'warm', 'no trim', '64'."""
    if key in OPTIONS and value in ("yes", "no"):
        return WORDS.get((key, value), key if value == "yes" else f"no {key}")
    return value


class Case:
    """One point of a scenario."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.name: str = raw["name"]
        self.scenario: str = raw["scenario"]
        self.section: str = raw["section"]
        self.kind: str = raw["kind"]
        self.label: str = raw["label"] or raw["payload"]
        self.strategy: str = raw["strategy"]
        self.traits: frozenset[str] = frozenset(raw["traits"])
        self.side: str | None = raw.get("side")  # base or new, of a run of pairs
        self.payload: str = raw["payload"]
        self.target: str | None = raw["target"]
        self.sandbox: str = raw["sandbox"]
        self.pin: str = raw["pin"]
        self.params: dict[str, str] = {k: str(v) for k, v in raw["params"].items()}
        self.status: str = raw["status"]
        self.errors: list[dict[str, Any]] = raw["errors"]

    @property
    def is_meter(self) -> bool:
        return "METER" in self.traits

    @property
    def reuses(self) -> bool:
        return "REUSES_PROCESS" in self.traits

    @property
    def is_control(self) -> bool:
        return "NEGATIVE_CONTROL" in self.traits

    @property
    def variant(self) -> str:
        """What tells this row from its neighbours: 'popen nolibc'; dynamic goes unsaid."""
        extra = [_word(k, v) for k, v in sorted(self.params.items(),
                                                key=lambda p: (p[0] == "section", p[0]))
                 if k not in ("strategy", "target") and (k not in OPTIONS or v != "default")]
        target = [self.target] if self.target not in (None, "dynamic") else []
        return " ".join([self.strategy, *target, *extra])

    def same_way(self, other: Case) -> bool:
        """Whether other is of the same way to get a child: another scenario may vary less of it."""
        return ((self.strategy, self.payload, self.target, self.sandbox)
                == (other.strategy, other.payload, other.target, other.sandbox)
                and all(other.params.get(k, v) == v for k, v in self.params.items()
                        if k in OPTIONS))

    def metric(self, name: str) -> Metric | None:
        """None when it was not measured or has no sample."""
        m = self.raw["metrics"].get(name)
        if not m or m["p50"] is None:
            return None
        by_index = dict(zip((b["index"] for b in self.raw["blocks"]), m["blocks"]))
        return Metric(name, m["n"], m["p50"], _interval(m["p50_ci"]), m["p90"], m["p99"],
                      _interval(m["p99_ci"]), m["min"], m["max"], by_index)

    def param(self, key: str) -> float | None:
        try:
            return float(self.params[key])
        except (KeyError, ValueError):
            return None

    def ecdf(self, name: str) -> list[float]:
        return (self.raw["ecdf"] or {}).get(name) or []


class Run:
    """A whole run; folder is only used to name the data in pictures."""

    def __init__(self, raw: dict[str, Any], folder: Path) -> None:
        self.raw = raw
        self.folder = folder
        self.mark: dict[str, Any] = raw["context"]["spawnmark"]
        self.environment: dict[str, Any] = self.mark["environment"]
        self.incomplete: dict[str, Any] | None = raw["incomplete"]

    @cached_property
    def cases(self) -> list[Case]:
        return sorted(map(Case, self.raw["cases"]), key=lambda c: strategy_rank(c.strategy))

    @cached_property
    def by_name(self) -> dict[str, Case]:
        return {c.name: c for c in self.cases}

    def of_kind(self, kind: str) -> list[Case]:
        return [c for c in self.cases if c.kind == kind]

    @property
    def baseline(self) -> dict[str, Any] | None:
        """The base side of a run of pairs; None: an ordinary run."""
        return self.mark["plan"].get("baseline")

    @property
    def clock(self) -> str:
        """What its clock counts: time, or instructions (units.py)."""
        return self.mark.get("clock", {}).get("kind", "time")

    @property
    def isolation(self) -> list[dict[str, Any]]:
        return self.raw["isolation"]

    @cached_property
    def attacked(self) -> dict[tuple[str | None, ...], list[dict[str, Any]]]:
        """Isolation's findings by sandbox, attacker, strategy, payload and kind."""
        found: dict[tuple[str | None, ...], list[dict[str, Any]]] = {}
        for f in self.isolation:
            key = (f["sandbox"], f["attacker"], f["strategy"], f["payload"], f["kind"])
            found.setdefault(key, []).append(f)
        return found

    @cached_property
    def attackers(self) -> dict[str, list[str]]:
        """By sandbox, as they come."""
        found: dict[str, dict[str, None]] = {}
        for f in self.isolation:
            found.setdefault(f["sandbox"], {})[f["attacker"]] = None
        return {sandbox: list(who) for sandbox, who in found.items()}

    @property
    def cpus(self) -> int:
        """Of the machine."""
        return self.raw["context"]["num_cpus"]

    @property
    def machine(self) -> str:
        """'vm, Linux 6.18.44'."""
        return f"{self.raw['context']['host_name']}, Linux {self.environment['kernel']}"

    @property
    def source(self) -> str:
        return f"{self.folder.name}/run.json"


def new_side(run: Run) -> Run:
    """Of a run of pairs what an ordinary run has: the two sides are no strategies of their own."""
    cases = [c for c in run.raw["cases"] if c.get("side") != "base"]
    return Run({**run.raw, "cases": cases}, run.folder)


def strategy_rank(name: str) -> tuple[int, str]:
    """Sort key: the known order first, the rest by name."""
    known = name in STRATEGY_ORDER
    return (STRATEGY_ORDER.index(name) if known else len(STRATEGY_ORDER), name)


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def read_json(path: Path, expected: str = "a results folder with run.json",
              writer: str = "spawnmark run") -> Any:
    """Strict JSON: NaN and Infinity are refused, as any other parser would."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            return json.load(file, parse_constant=_no_constant)
    except OSError as err:
        raise RunError(f"{path}: {err.strerror or err}; expected {expected}") from err
    except (EOFError, ValueError) as err:
        raise RunError(f"{path}: {err}; expected JSON as `{writer}` writes it") from err


def check(raw: Any, name: str = "run.json", schema: Path = SCHEMA) -> list[str]:
    """What contradicts the schema, one line each; empty: nothing."""
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    found = sorted(validator.iter_errors(raw), key=lambda e: [str(p) for p in e.absolute_path])
    return [f"{name}: {_told(_innermost(e))}" for e in found]


def _told(error: jsonschema.ValidationError) -> str:
    """Where, and what is wrong; a long value is cut, not what is said of it."""
    where = "/".join(str(p) for p in error.absolute_path) or "(top)"
    said = error.message
    return f"{where}: {said if len(said) <= 200 else '… ' + said[-120:]}"


def _innermost(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """For `something or null`, the something's complaint is the useful one."""
    inner = [e for e in error.context or [] if e.validator_value != "null"]
    return _innermost(inner[0]) if inner else error


def refuse(faults: list[str]) -> None:
    """RunError with the first of them, if there are any."""
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise RunError(faults[0] + more)


def refuse_newer(raw: Any, path: Path) -> None:
    """Before the schema speaks, to which a newer file is one fault after the other."""
    try:
        match = SCHEMA_NAME.fullmatch(raw["context"]["spawnmark"]["schema"])
    except (KeyError, TypeError):
        return  # no such file at all: the schema says what is missing
    if match and int(match[1]) > SCHEMA_NUMBER:
        raise RunError(f"{path}: schema {match[0]} is newer than this spawnmark reads "
                       f"(spawnmark/{SCHEMA_NUMBER}): use the one that wrote it, or a newer one")


def _read_here(raw: Any) -> Any:
    """Without most of the rows that are for other programs: half of a file, and of its check."""
    rows = raw.get("benchmarks") if isinstance(raw, dict) else None
    return {**raw, "benchmarks": rows[:ROWS_CHECKED]} if isinstance(rows, list) else raw


def _found(place: Path) -> Path:
    """The file of a results folder, packed or not; a file is itself."""
    if place.is_file():
        return place
    packed = place / "run.json.gz"
    return packed if packed.is_file() and not (place / "run.json").exists() else place / "run.json"


def load(place: Path, rows: bool = True) -> Run:
    """Reads a results folder or a run.json. RunError names the file, the place and what is wrong.

    rows: whether those for google-benchmark are kept: half of the file, that no report reads.
    """
    path = _found(place.resolve())
    raw = read_json(path)
    refuse_newer(raw, path)
    if not rows and isinstance(raw, dict):
        raw["benchmarks"] = []
    refuse(check(_read_here(raw), str(path)))
    return Run(raw, path.parent)
