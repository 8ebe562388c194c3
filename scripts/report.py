#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py FOLDER [--summary-only] [--no-plots]: what a run says, for people.

Prints the one-screen summary and writes summary.md, plots/*.svg, plots/*.png and report.html into
the folder; everything comes from its run.json alone. Exit 0: done; 2: bad arguments or bad run.json.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runfile import Run, RunError, load, new_side
from summary import markdown, summary
from template import write


def draw_all(run: Run, folder: Path) -> dict[str, str]:
    """Every picture that the run has data for: name → text alternative.

    Pictures of an earlier report that have no data any more are removed.
    """
    from plots import PLOTS  # matplotlib takes a second to load: not for --summary-only

    folder.mkdir(exist_ok=True)
    drawn = {}
    for plot in PLOTS:
        said = plot.draw(run, folder / plot.name)
        if said is not None:
            drawn[plot.name] = said
            continue
        for suffix in (".svg", ".png"):
            (folder / (plot.name + suffix)).unlink(missing_ok=True)
    return drawn


def report(run: Run, with_plots: bool) -> None:
    """All files of the folder."""
    from page import page

    drawn = draw_all(run, run.folder / "plots") if with_plots else {}
    write(run.folder / "summary.md", markdown(run))
    write(run.folder / "report.html", page(run, drawn))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="results folder with a run.json")
    parser.add_argument("--summary-only", action="store_true", help="print it, write nothing")
    parser.add_argument("--no-plots", action="store_true", help="tables and text alone")
    options = parser.parse_args(argv)
    try:
        whole = load(options.folder)
        run = new_side(whole)
        print(summary(run), end="")
        if len(run.cases) < len(whole.cases):
            print(f"\nof a run of pairs the new side alone; both: scripts/compare.py {run.folder}")
        if not options.summary_only:
            report(run, not options.no_plots)
            print(f"\n{run.folder / 'report.html'}")
    except RunError as err:
        print(f"report.py: {err}", file=sys.stderr)
        return 2
    except OSError as err:
        print(f"report.py: {err.filename}: {err.strerror}; is the folder writable?",
              file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
