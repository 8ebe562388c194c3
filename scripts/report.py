#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py FOLDER… [-o DIR] [--summary-only] [--no-plots]: what runs say, for people.

Of one FOLDER: prints the one-screen summary and writes summary.md, plots/*.svg, plots/*.png and
report.html into it. Of several: prints a line for each, and writes one page that has them side by
side, with its plots, into DIR; ratios are to the first. Everything comes from each folder's
run.json, and from a conformance.json beside it. Exit 0: done; 2: bad arguments or bad run.json.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Nothing here multiplies matrices, and pictures are drawn in forked workers: no threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import drawing
import units
from runfile import Run, RunError, load, new_side
from summary import markdown, summary
from template import write


def draw_all(run: Run, folder: Path) -> dict[str, str]:
    """Every picture that the run has data for: name → text alternative."""
    from plots import PLOTS  # matplotlib takes a second to load: not for --summary-only

    with units.counting(run.clock):
        return drawing.draw_all(PLOTS, new_side(run), folder)


def report(run: Run, with_plots: bool) -> None:
    """All files of the folder."""
    from page import page

    drawn = draw_all(run, run.folder / "plots") if with_plots else {}
    write(run.folder / "summary.md", markdown(new_side(run)))
    write(run.folder / "report.html", page(run, drawn))


def _one(run: Run, options: argparse.Namespace) -> None:
    new = new_side(run)
    print(summary(new), end="")
    if len(new.cases) < len(run.cases):
        print(f"\nof a run of pairs the new side alone; both: scripts/compare.py {run.folder}")
    if not options.summary_only:
        report(run, not options.no_plots)
        print(f"\n{run.folder / 'report.html'}")


def _several(options: argparse.Namespace) -> None:
    import nway
    from several import Several, load_all

    several = Several(load_all(options.folders))
    print("\n".join(nway.lines(several)))
    if options.summary_only:
        return
    out = options.output.resolve()
    out.mkdir(parents=True, exist_ok=True)
    drawn = {} if options.no_plots else nway.draw_all(several, out / "plots")
    write(out / "report.html", nway.render(several, out / "plots", drawn))
    print(f"\n{out / 'report.html'}")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER",
                        help="results folder with a run.json")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR",
                        help="of several folders: where the page goes")
    parser.add_argument("--summary-only", action="store_true", help="print it, write nothing")
    parser.add_argument("--no-plots", action="store_true", help="tables and text alone")
    options = parser.parse_args(argv)
    if len(options.folders) > 1 and not (options.output or options.summary_only):
        parser.error("several folders make one page: -o DIR says where it goes")
    if len(options.folders) == 1 and options.output:
        parser.error("-o is for several folders; the page of one goes into it")
    try:
        if len(options.folders) == 1:
            _one(load(options.folders[0]), options)
        else:
            _several(options)
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
