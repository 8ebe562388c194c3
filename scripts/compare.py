#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py BASE NEW [NEW…]: what is faster, slower, the same, or cannot be told.

Each is a results folder, or its run.json (packed or not). One run of pairs (`spawnmark run
--baseline`) is compared within itself.

Exit 0: no regression, or one run given twice; 1: a primary figure is slower, a check, a secret or a
case is worse, or --fail-on found a loss; 2: bad arguments or files, or unlike plans; 4: what was
asked is inconclusive.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import failon
import margins
import plans
from comparison import Comparison, of_pairs, of_runs
from runfile import Run, RunError, load
from template import write

FORMATS = ("text", "md", "json", "csv")
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%?")


def percent(text: str) -> float:
    """'3%' or '3' → 0.03."""
    match = PERCENT.fullmatch(text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not a percentage, e.g. 3%")
    return float(match[1]) / 100


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="compare.py", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN",
                      help="the base, then what is compared with it")
    made.add_argument("--fail-on", action="append", default=[], metavar="RULE",
                      help=f"{failon.FORM}: ".replace("%", "%%") + "only such a loss is a "
                      "regression; without REGEX in the primary cases (may be given several times)")
    made.add_argument("--margin", type=percent, metavar="PERCENT",
                      help="what is too small to matter; by default 2 %% or, if that is more, the "
                      "floor of the machine's newest selfcheck")
    made.add_argument("--force", action="store_true", help="compare unlike plans as well")
    made.add_argument("--seed", type=int, default=1, metavar="N", help="of the bootstrap (1)")
    made.add_argument("--format", choices=FORMATS, default="text", help="what is printed")
    made.add_argument("--all", action="store_true", help="print every figure")
    made.add_argument("--html", type=Path, metavar="FILE", help="write a page, with a forest plot")
    return made


def _refuse_unlike(comparison: Comparison) -> None:
    found = comparison.unlike
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise RunError(f"unlike plans: {found[0]}{more}; --force compares them all the same")


def _one(run: Run, rules: list[failon.Rule], options: argparse.Namespace) -> Comparison:
    if run.baseline is None:
        raise RunError(f"{run.folder}: one ordinary run; give a second one to compare it with, "
                       "or a run of pairs (spawnmark run --baseline)")
    return of_pairs(run, margins.margins([run], options.margin), rules, options.seed)


def compare(options: argparse.Namespace) -> Comparison:
    """RunError names what stands against it, in one line."""
    rules = [failon.parse(text) for text in options.fail_on]
    runs = [load(place) for place in options.runs]
    if len(runs) == 1:
        return _one(runs[0], rules, options)
    for run in runs:
        if run.baseline is not None:
            raise RunError(f"{run.folder}: a run of pairs has its base side in it; give it alone")
    made = of_runs(runs, margins.margins(runs, options.margin), rules, options.seed)
    if not options.force:
        _refuse_unlike(made)
    return made


def text(comparison: Comparison, form: str, everything: bool) -> str:
    """Only what is asked for is loaded."""
    if form in ("json", "csv"):
        import compare_data
        return compare_data.as_json(comparison) if form == "json" else \
            compare_data.as_csv(comparison)
    import compare_text
    told = compare_text.terminal if form == "text" else compare_text.markdown
    return told(comparison, everything)


def main(argv: list[str]) -> int:
    options = parser().parse_args(argv)
    try:
        comparison = compare(options)
        if options.html:
            from compare_page import page  # matplotlib takes a second to load
            write(options.html, page(comparison))
        sys.stdout.write(text(comparison, options.format, options.all))
    except RunError as err:
        print(f"compare.py: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        print(f"compare.py: {err.filename}: {err.strerror}", file=sys.stderr)
        return 2
    return comparison.exit


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
