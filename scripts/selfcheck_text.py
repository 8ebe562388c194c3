# SPDX-License-Identifier: MIT
"""selfcheck.json for people: one screen, and the same as summary.md."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

WIDTH = 100
MARKS = {"met": "met    ", "not met": "NOT MET", "too few": "too few", "recorded": "–      "}
WORDS = ("faster", "slower", "equivalent", "inconclusive")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _share(of: Mapping[str, Any]) -> str:
    return f"{of['k']}/{of['n']} = {_percent(of['share'])} [{_percent(of['lower'])}, " \
           f"{_percent(of['upper'])}]"


def sentence(told: Mapping[str, Any]) -> str:
    """What it comes to."""
    kept = [c for c in told["claims"] if c["verdict"] == "met"]
    asked = [c for c in told["claims"] if c["verdict"] != "recorded"]
    floor = told["aa"]["floor"].get(told["plan"]["metric"])
    cut = "cut short: " if told["cut_short"] else ""
    return (f"{cut}{len(kept)} of {len(asked)} claims met on {told['host']} (Linux "
            f"{told['kernel']}, {told['cpus']} CPUs): compared with itself in pairs of "
            f"{told['plan']['main']['blocks']} blocks, this machine is within ±{_percent(floor)} "
            f"of {told['plan']['metric']} in 95 of 100 comparisons.")


def _word_row(name: str, words: Mapping[str, int], more: str = "") -> str:
    return f"{name:<24}" + "".join(f"{words[w]:>13}" for w in WORDS) + more


def table(told: Mapping[str, Any]) -> list[str]:
    """What was there, and how often each word was said of it."""
    lines = [f"{'what is there':<24}" + "".join(f"{w:>13}" for w in WORDS) + "   covered"]
    lines.append(_word_row("nothing", told["aa"]["words"]))
    lines.append(_word_row("nothing, python", told["python"]["words"]))
    lines.append(_word_row("nothing, in two runs", told["between"]["words"]))
    lines += [_word_row(f"{row['size'] * 100:g} % slower", row["words"],
                        f"{_percent(row['covered']['share']):>10}") for row in told["injected"]]
    load = told["load"]
    if "skipped" not in load:
        lines.append(_word_row("nothing, under load", load["aa"]))
        lines.append(_word_row("5 % slower, under load", load["planted"]))
    return lines


def floors(told: Mapping[str, Any]) -> list[str]:
    """What 95 of 100 ratios of the machine with itself stay within."""
    parts = [f"{m} {_percent(v)}" for m, v in told["aa"]["floor"].items()]
    others = [f"{m} {_percent(v)}" for m, v in told["between"]["floor"].items()]
    lines = ["floor, in pairs:     " + ", ".join(parts)]
    return [*lines, "floor, in two runs:  " + ", ".join(others)] if others else lines


def claims(told: Mapping[str, Any]) -> list[str]:
    return [f"{MARKS[c['verdict']]} {c['text']}: {c['seen']}" for c in told["claims"]]


def _notes(told: Mapping[str, Any]) -> list[str]:
    runs = ", ".join(f"{n} {what}" for what, n in told["plan"]["runs"].items())
    said = [f"{runs or 'no'} mini-runs in {told['seconds']} s; words are of "
            f"{told['plan']['metric']}, margin {_percent(told['plan']['margin'])}"]
    if told["plan"]["failed_runs"]:
        said.append(f"{len(told['plan']['failed_runs'])} mini-runs failed and are not counted: "
                    f"{told['plan']['failed_runs'][-1]}")
    held = told.get("held", {"k": 0})
    if held["k"]:
        said.append(f"{held['k']} of {held['n']} comparisons without stress-ng are inconclusive "
                    "because other work disturbed most of their blocks: `spawnmark doctor` names it")
    return said


def screen(told: Mapping[str, Any]) -> str:
    """At most 100 columns."""
    lines = [*textwrap.wrap(sentence(told), WIDTH), "", *table(told), "", *floors(told), ""]
    for line in claims(told):
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * 8)
    for line in _notes(told):
        lines += textwrap.wrap(line, WIDTH)
    return "\n".join(lines) + "\n"


def markdown(told: Mapping[str, Any]) -> str:
    """summary.md."""
    rows = [f"| {c['text']} | {c['seen']} | {c['verdict']} |" for c in told["claims"]]
    false = [f"| {m} | {_share(of)} | {_percent(told['aa']['floor'].get(m))} | "
             f"{_share(told['between']['false'][m])} | "
             f"{_percent(told['between']['floor'].get(m))} |"
             for m, of in told["aa"]["false"].items()]
    return "\n".join([
        f"# spawnmark selfcheck: {told['host']}", "", sentence(told), "",
        "```text", screen(told).rstrip(), "```", "",
        "| claim | seen | |", "|---|---|---|", *rows, "",
        "Of the machine compared with itself: called faster or slower, and the floor (95 of 100 "
        "ratios are within it), in pairs and in two runs.", "",
        "| metric | in pairs | floor | in two runs | floor |", "|---|---|---|---|---|", *false, "",
        f"Fingerprint `{told['fingerprint']}`, {told['date']}.", ""])
