# SPDX-License-Identifier: MIT
"""The matrix in a real browser: no console error, nothing wider than the window, the filter."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from browser import (BROWSER, LANDSCAPE, NO_PRINTER, WIDTHS, browse, check_sheets, frame, look,
                     on_paper, printed)

import make_conformance
from conformfile import Document
from matrix import render
from pivot import Pivot

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")

# Every step sets the form's fields, then tells which checks are shown; rows of evidence are
# looked at with the first row folded and unfolded.
FILTER = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
addEventListener("load", async () => {
  const out = {}, d = document.querySelector("iframe").contentDocument;
  const form = d.getElementById("filter"), all = d.getElementById("all");
  const seen = e => e.checkVisibility();
  out.closed = [...d.querySelectorAll("#matrix .row")].filter(seen).length;
  all.open = true;
  const shown = () => [...d.querySelectorAll("#matrix .row")].filter(seen)
    .map(r => r.querySelector("th").id.slice(2));
  const ask = fields => {
    for (const e of form.elements) if (e.name) e.value = fields[e.name] || "";
    form.dispatchEvent(new Event("input", {bubbles: true}));
    return {rows: shown(), said: form.querySelector("output").value,
            groups: [...d.querySelectorAll("#matrix .group")].filter(seen).length};
  };
  out.form = seen(form);
  out.all = ask({});
  out.text = ask({text: "EXIT burst"});
  out.level = ask({level: "RECORD"});
  out.group = ask({group: "signals"});
  out.verdict = ask({verdict: "XPASS"});
  out.differ = ask({verdict: "DIFFER", level: "MUST"});
  out.none = ask({text: "nowhere"});
  form.reset();
  await new Promise(done => setTimeout(done, 50));
  out.reset = shown().length;
  const row = d.querySelector("#matrix .row"), evidence = row.querySelector(".evidence");
  out.folded = seen(evidence);
  row.querySelector("details").open = true;
  out.unfolded = seen(evidence);
  out.page = d.documentElement.scrollWidth <= d.documentElement.clientWidth;
  ask({text: "nowhere"});
  all.open = false;
  // What a click does; in a srcdoc frame, a link itself leads to the frame's parent.
  d.defaultView.location.hash = d.querySelector("#failed a").getAttribute("href");
  await new Promise(done => setTimeout(done, 50));
  out.linked = seen(d.getElementById("c-exit.core"));
  const p = document.createElement("pre"); p.id = "seen"; p.textContent = JSON.stringify([out]);
  document.body.append(p);
});
</script>%s</body>"""


@pytest.fixture
def pages(golden: dict[str, Any]) -> list[str]:
    """Of one file and of two; in the second one an endless word and an endless label."""
    raw = make_conformance.conformance(golden["context"]["spawnmark"]["environment"])
    other = copy.deepcopy(raw)
    other["conformance"][0]["evidence"] = "x" * 3000
    other["conformance"][5]["repeat"] = "y" * 3000
    other["context"]["host_name"] = "h" * 300
    other["incomplete"] = "interrupted"
    return [render("matrix.html", Pivot([Document(r, Path("x")) for r in raws]))
            for raws in ([raw], [raw, other])]


@pytest.mark.parametrize("opened", [False, True])
def test_widths(pages: list[str], tmp_path: Path, opened: bool) -> None:
    """Folded, and with everything unfolded."""
    if opened:
        pages = [p.replace("<details", "<details open") for p in pages]
    seen, console = look([(p, w) for p in pages for w in WIDTHS], tmp_path)
    assert console == []
    assert [s["asked"] for s in seen] == [*WIDTHS, *WIDTHS]
    for s in seen:
        assert s["height"] > 1500, "the page is empty"
        assert s["scroll"] <= s["inner"], f"{s['scroll']} px wide in a window of {s['asked']}"
        assert s["doubled"] == 0, "an id is used twice"


def test_filter(pages: list[str], tmp_path: Path) -> None:
    probe = tmp_path / "probe.html"
    probe.write_text(FILTER % frame(pages[0], 1000), encoding="utf-8")
    (seen,), console = browse(probe, tmp_path / "profile")
    assert console == []
    assert seen["closed"] == 0 and seen["form"]
    ids = [c[0] for c in make_conformance.CHECKS]
    assert seen["all"] == {"rows": ids, "said": "8 of 8 checks", "groups": 3}
    assert seen["text"]["rows"] == ["exit.burst"]
    assert seen["level"]["rows"] == ["identity.clone3.einval", "exit.rusage"]
    assert seen["group"] == {"rows": ["signals.reset", "signals.mask"], "said": "2 of 8 checks",
                             "groups": 1}
    assert seen["verdict"]["rows"] == ["signals.mask"]
    assert seen["differ"]["rows"] == ["identity.exe", "exit.core"]
    assert seen["none"] == {"rows": [], "said": "0 of 8 checks", "groups": 0}
    assert seen["reset"] == 8
    assert not seen["folded"] and seen["unfolded"] and seen["page"]
    assert seen["linked"], "a link to a row opens the matrix and ends the filter"


def test_complete_without_script(pages: list[str], tmp_path: Path) -> None:
    """Everything can be unfolded; the form, which would do nothing, is not there."""
    start, end = pages[0].index("<script>"), pages[0].index("</script>")
    fields = """rows: (() => {
      const row = d.querySelector("#matrix .row"), evidence = row.querySelector(".evidence");
      const now = [evidence.checkVisibility()];
      d.getElementById("all").open = row.querySelector("details").open = true;
      return [...now, evidence.checkVisibility()];
    })(), form: d.getElementById("filter").checkVisibility()"""
    (seen,), console = look([(pages[0][:start] + pages[0][end:], 1000)], tmp_path, fields)
    assert console == [] and not seen["form"] and seen["rows"] == [False, True]


def test_nothing_is_cut_on_paper(pages: list[str], tmp_path: Path) -> None:
    for page in pages:
        seen = on_paper(page, tmp_path, LANDSCAPE)
        assert seen["seen"] > 3 and seen["cut"] == []


@pytest.mark.skipif(NO_PRINTER is not None, reason=str(NO_PRINTER))
def test_sheets(pages: list[str], tmp_path: Path) -> None:
    check_sheets(printed(pages[0], tmp_path, "dark"))
