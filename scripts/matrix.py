#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""matrix.py FILE.json… [-o DIR] [--label NAME]…: conformance as a matrix, for people.

Reads what `spawnmark conform --json` wrote, one file per kernel or machine; writes matrix.html and
matrix.md into DIR (default: where the only FILE is) and prints the sentence, counts, what failed
and the paths. Exit 0: done, also when checks failed; 2: bad arguments or a bad file.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from conformfile import BAD, SIGNS, TALLY, Cell, Document, load
from kernels import reasons
from pivot import Pivot, Row
from runfile import RunError
from template import template, write

MARKDOWN = re.compile(r"([\\`*_\[\]|~])")
PRESENCE = {"present": ("✓", "present", "pass"), "missing": ("✗", "missing", "lacking"),
            "unknown": ("?", "unknown", "skip")}


def escaped(text: object) -> str:
    """Text that stands for itself in Markdown, also in a cell of a table: one line."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\1", line)


def tally(counts: dict[str, int]) -> str:
    """'12 ✓ 3 ≠'; what fails with its word."""
    return " ".join(f"{n} {TALLY[k].symbol}{' ' + k if k in BAD else ''}"
                     for k, n in counts.items()) or "–"


def tooltip(row: Row, cell: Cell) -> str:
    return f"{cell.strategy}: {cell.word}: {cell.said} · {row.check['source']}"


def flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    return "–" if value is None else str(value)


def facts(pivot: Pivot) -> list[tuple[str, list[str]]]:
    """What is known of each machine and run."""
    each = []
    for d in pivot.documents:
        own = {"host": d.host, "date": d.date, **{k: v for k, v in d.mark.items()
                                                  if k not in ("environment", "command")}}
        own["command"] = " ".join(d.mark["command"])
        each.append(own | {k: v for k, v in d.environment.items()})
    names = dict.fromkeys(k for own in each for k in own)
    return [(k, [flat(own.get(k)) for own in each]) for k in names]


def render(name: str, pivot: Pivot) -> str:
    lines = [f"{d.label}: incomplete: {d.incomplete}" for d in pivot.documents if d.incomplete]
    why = {id(e.change): e for e in reasons.explained(
        [*pivot.changed, *pivot.changed_features], pivot.documents)}
    text = template(name, md=escaped, tally=tally, tooltip=tooltip).render(
        pivot=pivot, signs=SIGNS, counted=TALLY, bad=BAD, presence=PRESENCE, alarms=lines,
        facts=facts(pivot), explained=lambda c: why[id(c)], kernels=reasons.are_several(pivot.documents),
        spans=[(d, len(d.strategies)) for d in pivot.documents],
        groups=[(g, pivot.titles[g], rows) for g in pivot.groups if (rows := pivot.group(g))])
    return re.sub(r"[ \t]+$", "", text, flags=re.M).rstrip("\n") + "\n"


def terminal(pivot: Pivot) -> list[str]:
    """The sentence, a line per strategy, and every bad cell with the command that repeats it."""
    lines = [pivot.sentence, *(f"{d.label}: incomplete: {d.incomplete}"
                               for d in pivot.documents if d.incomplete), ""]
    width = max((len(name) for name in pivot.strategies), default=0)
    for d in pivot.documents:
        lines += [f"{d.label}:"] if pivot.several else []
        for strategy, counts in zip(d.strategies, pivot.counts(d, pivot.rows)):
            told = ", ".join(f"{n} {TALLY[k].word}" for k, n in counts.items())
            lines.append(f"  {strategy['name']:<{width}}  {told or 'nothing asked'}")
    for row, d, cell in pivot.failed:
        place = f" on {d.label}" if pivot.several else ""
        lines += ["", f"{cell.sign.symbol} {cell.word} {row.check['level']} {row.id} in "
                      f"{cell.strategy}{place}: {' '.join(cell.said.split())}", f"    repeat: {cell.repeat}"]
    lines += [f"~ disagreeing rounds: {row.id} in {cell.strategy}: {cell.word}"
              for row, _, cell in pivot.flaky]
    return lines


def labelled(files: list[Path], labels: list[str]) -> list[Document]:
    """Every file with a label of its own."""
    if len(labels) > len(files):
        raise RunError(f"{len(labels)} labels for {len(files)} files: --label is given once a file")
    if len(set(labels)) < len(labels):
        raise RunError(f"two files cannot both be called '{max(labels, key=labels.count)}'")
    wanted: list[str | None] = [*labels, *[None] * (len(files) - len(labels))]
    documents = [load(f, w) for f, w in zip(files, wanted)]
    for number in (False, True):  # what is still alike gets the date, then a number
        names = [d.label for d in documents]
        for i, d in enumerate(documents):
            if names.count(names[i]) > 1 and i >= len(labels):
                d.label += f" ({names[:i + 1].count(names[i])})" if number else f", {d.date}"
    return documents


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="matrix.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json")
    parser.add_argument("-o", type=Path, metavar="DIR", dest="folder",
                        help="where to write; by default where the only FILE is")
    parser.add_argument("--label", action="append", default=[], metavar="NAME",
                        help="what to call a file, in the order of the files")
    options = parser.parse_args(argv)
    if options.folder is None and len(options.files) > 1:
        parser.error("several files: say with -o DIR where the matrix goes")
    folder = options.folder or options.files[0].parent
    try:
        pivot = Pivot(labelled(options.files, options.label))
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("matrix.md", "matrix.html"):
            write(folder / name, render(name, pivot))
    except RunError as err:
        print(f"matrix.py: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        print(f"matrix.py: {err.filename}: {err.strerror}; is the folder writable?",
              file=sys.stderr)
        return 2
    print("\n".join(terminal(pivot)))
    print(f"\n{folder / 'matrix.html'}\n{folder / 'matrix.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
