# SPDX-License-Identifier: MIT
"""Whether two runs were planned alike: a ratio of unlike plans is no ratio of machines or builds.

Plans are unlike when something differs that moves a block's median: samples, warm-up, payload,
imports, pinning. More blocks, other strategies and further sections make no difference to a case
that both have; they are told.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass

from runfile import Run

#: Keys of a scenario that choose how often and of whom, never what is measured.
HARMLESS = ("blocks", "strategy")
GLOBAL, NOTHING = "global", "–"

Settings = dict[tuple[str, str, str], str]  # scenario, section, key


@dataclass(frozen=True)
class PlanDifference:
    """One setting that the two do not share."""

    where: str  # "startup.ini [none] samples"
    base: str
    new: str
    unlike: bool

    def __str__(self) -> str:
        return f"{self.where}: {self.base} → {self.new}"


def _parsed(text: str) -> dict[str, dict[str, str]]:
    """Sections with their keys; a file that is not understood is one long key."""
    parser = configparser.ConfigParser(
        delimiters=("=",), comment_prefixes=("#", ";"), interpolation=None, strict=False,
        default_section="", empty_lines_in_values=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return {GLOBAL: {"text": " ".join(text.split())}}
    return {s: {k: " ".join(v.split()) for k, v in parser[s].items()} for s in parser.sections()}


def _settings(run: Run) -> Settings:
    return {(scenario["name"], section, key): value
            for scenario in run.mark["plan"]["scenarios"]
            for section, keys in _parsed(scenario["text"]).items()
            for key, value in keys.items()}


def _options(run: Run) -> dict[str, str]:
    """What --set said on the command line, which overrides the files."""
    made, words = {}, list(run.mark["argv"])
    for at, word in enumerate(words):
        said = word.removeprefix("--set=") if word.startswith("--set=") else None
        if word == "--set" and at + 1 < len(words):
            said = words[at + 1]
        if said:
            key, _, value = said.partition("=")
            made[key.strip()] = value.strip()
    return made


def _quickness(section: str, run: Run) -> bool:
    """Whether a section is used: those of quick runs are of quick runs alone."""
    return run.mark["quick"] or not (section == "quick" or section.endswith(":quick"))


def _of_files(base: Run, new: Run) -> Iterator[PlanDifference]:
    mine, theirs = _settings(base), _settings(new)
    shared = {k[:2] for k in mine} & {k[:2] for k in theirs}
    for key in dict.fromkeys((*mine, *theirs)):
        scenario, section, name = key
        pair = mine.get(key, NOTHING), theirs.get(key, NOTHING)
        if pair[0] == pair[1] or (scenario, section) not in shared:
            continue
        if _quickness(section, base) or _quickness(section, new):
            yield PlanDifference(f"{scenario} [{section}] {name}", *pair, name not in HARMLESS)


def _sections(base: Run, new: Run) -> Iterator[PlanDifference]:
    """Those that one of them has alone, a line per scenario."""
    sides = [{k[:2] for k in _settings(run)} for run in (base, new)]
    for scenario in sorted({s for s, _ in sides[0] ^ sides[1]}):
        own = [", ".join(sorted(n for s, n in side - other if s == scenario)) or NOTHING
               for side, other in (sides, sides[::-1])]
        yield PlanDifference(f"{scenario}: sections of one run alone", own[0], own[1], False)


def differences(base: Run, new: Run) -> list[PlanDifference]:
    """Every one; none of a run of pairs, whose sides have one plan."""
    found = []
    if base.mark["quick"] != new.mark["quick"]:
        pair = ["quick" if run.mark["quick"] else "whole" for run in (base, new)]
        found.append(PlanDifference("length", pair[0], pair[1], True))
    mine, theirs = _options(base), _options(new)
    for key in dict.fromkeys((*mine, *theirs)):
        pair = [side.get(key, NOTHING) for side in (mine, theirs)]
        if pair[0] != pair[1]:
            found.append(PlanDifference(f"--set {key}", pair[0], pair[1], key not in HARMLESS))
    return [*found, *_of_files(base, new), *_sections(base, new)]


def unlike(found: list[PlanDifference]) -> list[PlanDifference]:
    return [d for d in found if d.unlike]
