# SPDX-License-Identifier: MIT
"""The pages in a real browser: no console error, nothing too wide, readable, pictures painted."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import make_conformance
import make_selfcheck
import nway
import runfile
from browser import (BROWSER, MISSING, NO_PRINTER, SCHEMES, WIDTHS, check_sheets, look, on_paper,
                     printed, screenshot)
from page import page
from plots import PLOTS
from plots.several import PLOTS as SEVERAL_PLOTS
from report import draw_all
from several import Several

pytestmark = pytest.mark.skipif(BROWSER is None, reason=MISSING)

TEXT = 4.5  # WCAG 2 AA
HIGHEST = 26_000  # pixels that a screenshot can have
#: The least contrast of any text that is seen, and where. Texts of pictures: all on the card but
#: those on bars and in cells, whose pairs of colours test_palette.py knows.
CONTRAST = """worst: (() => {
  const light = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) {
    const c = d.defaultView.getComputedStyle(e).backgroundColor;
    if (!/rgba\\(.*, 0\\)|transparent/.test(c)) return c; } return "rgb(255, 255, 255)"; };
  const walk = d.createTreeWalker(d.body, NodeFilter.SHOW_TEXT), found = [];
  for (let n; n = walk.nextNode();) {
    const e = n.parentElement, style = d.defaultView.getComputedStyle(e);
    if (!n.data.trim() || !e.checkVisibility() || e.closest("script, style, title")) continue;
    const svg = e.closest("svg"), ink = svg ? style.fill : style.color;
    if (ink === "rgb(27, 31, 37)") continue;
    const [a, b] = [light(ink), light(ground(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), `${ink} on ${ground(e)}: ${n.data.trim().slice(0, 40)}`]);
  }
  found.sort((a, b) => a[0] - b[0]);
  return {n: found.length, least: found[0]};
})()"""
#: Where the pictures are, and whether the page goes on to its end.
PICTURES = """boxes: [...d.querySelectorAll(".picture svg")].map(s => {
    const r = s.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; }),
  alone: [...d.querySelectorAll("figure")].every(f => f.parentElement.matches("#pictures")),
  end: d.querySelector("main").lastElementChild.id,
  said: [...d.querySelectorAll(".picture svg")].map(s => s.getAttribute("aria-label"))"""
#: Sorts the first table of strategies by each of two columns, filters it.
USE = """used: (() => {
  const table = d.querySelector("#answer table"), wide = table.closest(".wide");
  const names = () => [...table.tBodies[0].rows].filter(r => !r.hidden)
    .map(r => r.cells[0].textContent.split(/\\s/)[0]);
  const button = at => table.tHead.rows[0].cells[at].querySelector("button");
  const out = {first: names()};
  button(1).click(); out.up = names(); out.said = table.tHead.rows[0].cells[1].ariaSort;
  button(1).click(); out.down = names();
  button(1).click(); out.back = names();
  button(0).click(); out.alphabet = names();
  const input = wide.previousElementSibling.querySelector("input");
  const ask = text => { input.value = text; input.dispatchEvent(new Event("input")); };
  ask("FORK"); out.fork = names(); out.counted = input.nextElementSibling.value;
  ask("nowhere"); out.none = names();
  ask(""); out.all = names().length;
  return out;
})()"""
READ = """read: {buttons: d.querySelectorAll("button, input").length,
  rows: [...d.querySelectorAll("#answer tbody tr")].filter(r => r.checkVisibility()).length,
  pictures: [...d.querySelectorAll(".picture svg")].filter(s => s.checkVisibility()).length,
  answer: d.querySelector("h1").textContent}"""


@pytest.fixture(scope="module")
def one(everything_once: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a run with all strategies."""
    folder = tmp_path_factory.mktemp("results") / "run"
    run = runfile.Run(copy.deepcopy(everything_once), folder)
    make_selfcheck.write_beside(folder, run.mark["fingerprint"])
    raw = make_conformance.conformance(run.environment)
    folder.mkdir()
    (folder / "conformance.json").write_text(json.dumps(raw), encoding="utf-8")
    return page(run, draw_all(run, run.folder / "plots"))


@pytest.fixture(scope="module")
def many(golden_once: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of three runs; one has a name without an end."""
    folder = tmp_path_factory.mktemp("many")
    runs = []
    for i, name in enumerate(("vm", "metal", "h" * 200)):
        raw = copy.deepcopy(golden_once)
        raw["context"]["host_name"] = name
        runs.append(runfile.Run(raw, folder / str(i)))
        told = make_conformance.conformance(runs[-1].environment)
        told["conformance"][0]["observed"] = "fails" if i == 1 else "holds"
        told["conformance"][0]["verdict"] = "FAIL" if i == 1 else "PASS"
        (folder / str(i)).mkdir()
        (folder / str(i) / "conformance.json").write_text(json.dumps(told), encoding="utf-8")
    several = Several(runs)
    return nway.render(several, folder, nway.draw_all(several, folder))


NAMES = ("one", "many")
PICTURED = {"one": len(PLOTS), "many": len(SEVERAL_PLOTS)}


@pytest.fixture
def pages(one: str, many: str) -> dict[str, str]:
    return dict(zip(NAMES, (one, many)))


def unfolded(text: str) -> str:
    return text.replace("<details", "<details open")


@pytest.mark.parametrize("name", NAMES)
def test_widths(name: str, pages: dict[str, str], tmp_path: Path) -> None:
    """Folded and unfolded: no error, nothing wider than the window, all there to the page's end."""
    text = pages[name]
    asked = [(t, w) for t in (text, unfolded(text)) for w in WIDTHS]
    seen, console = look(asked, tmp_path, PICTURES)
    assert console == []
    assert [s["asked"] for s in seen] == [w for _, w in asked]
    for s in seen:
        assert s["height"] > 2000, "the page is empty"
        assert s["scroll"] <= s["inner"], f"{s['scroll']} px wide in a window of {s['asked']}"
        assert s["doubled"] == 0, "an id is used twice"
        assert len(s["boxes"]) == PICTURED[name]
        assert s["alone"], "a picture is not closed before the next begins"
        assert s["end"] == ("plan" if name == "one" else "conformance")
        assert all(said and any(c.isdigit() for c in said) for said in s["said"])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(scheme: str, pages: dict[str, str], tmp_path: Path) -> None:
    """Every text against what is behind it, as the browser has computed both."""
    seen, _ = look([(unfolded(t), 1000) for t in pages.values()], tmp_path, CONTRAST, scheme)
    for s in seen:
        assert s["worst"]["n"] > 200
        ratio, where = s["worst"]["least"]
        assert ratio >= TEXT, f"{ratio:.2f}: {where}"


def test_schemes_differ(one: str, tmp_path: Path) -> None:
    """The flag does what the tests above take for granted."""
    ground = "ground: d.defaultView.getComputedStyle(d.body).backgroundColor"
    found = [look([(one, 400)], tmp_path, ground, s)[0][0]["ground"] for s in ("light", "dark")]
    assert found == ["rgb(246, 247, 248)", "rgb(16, 19, 22)"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pictures_are_painted(scheme: str, pages: dict[str, str], tmp_path: Path) -> None:
    """Where each picture is, pixels vary: ink on the card, and colours."""
    seen, _ = look([(t, 1000) for t in pages.values()], tmp_path, PICTURES)
    for (name, text), s in zip(pages.items(), seen):
        high = min(HIGHEST, s["height"])
        with Image.open(screenshot(text, tmp_path, scheme, 1000, high)) as image:
            pixels = np.asarray(image.convert("L"), dtype=float)
        boxes = [[int(edge) for edge in box] for box in s["boxes"] if box[3] <= high]
        assert len(boxes) >= 5 and (name == "one" or len(boxes) == PICTURED[name])
        for left, top, right, bottom in boxes:
            box = pixels[top:bottom, left:right]
            card = np.median(box)
            assert box.std() > 4, f"{name}: blank at {top}"
            assert (abs(box - card) > 60).mean() > 0.002, f"{name}: hardly any ink at {top}"
            assert name == "one" or (card > 200) == (scheme == "light"), "the other scheme's card"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_on_paper(name: str, pages: dict[str, str], tmp_path: Path) -> None:
    seen = on_paper(pages[name], tmp_path)
    assert seen["seen"] > 15 and seen["cut"] == []


@pytest.mark.skipif(NO_PRINTER is not None, reason=str(NO_PRINTER))
@pytest.mark.parametrize("scheme", SCHEMES)
def test_sheets(scheme: str, pages: dict[str, str], tmp_path: Path) -> None:
    """Light, whatever the screen is: paper is."""
    for name, text in pages.items():
        (tmp_path / name).mkdir()
        sheets = printed(text, tmp_path / name, scheme)
        assert len(sheets) > 5
        check_sheets(sheets)


def test_tables_sort_and_filter(one: str, tmp_path: Path) -> None:
    (seen,), console = look([(one, 1000)], tmp_path, USE)
    assert console == []
    used = seen["used"]
    assert used["up"][:2] == ["pool", "pool"] and used["up"][2] == "recycle"
    assert used["up"][-1] == "shell" and used["said"] == "ascending"
    assert used["down"] == used["up"][::-1] or used["down"][0] == "shell"
    assert used["back"] == used["first"]
    assert used["alphabet"] == sorted(used["first"])
    assert used["fork"] == [n for n in used["alphabet"] if n in ("fork", "vfork", "forkserver")]
    assert used["counted"] == f"3 of {len(used['first'])}"
    assert used["none"] == [] and used["all"] == len(used["first"])


def test_complete_without_script(pages: dict[str, str], tmp_path: Path) -> None:
    """Nothing is hidden, and nothing is there that would do nothing."""
    bare = [t[:t.index("<script>")] + t[t.index("</script>") + 9:] for t in pages.values()]
    seen, console = look([(t, 1000) for t in bare], tmp_path, READ)
    assert console == []
    for name, s in zip(pages, seen):
        assert s["read"]["buttons"] == 0
        assert s["read"]["pictures"] == PICTURED[name]
        assert "ready in" in s["read"]["answer"]
    assert seen[0]["read"]["rows"] > 15


def test_browser_sees_errors(tmp_path: Path) -> None:
    """The tests above can fail: a wide element, a double id, a console error, grey on grey."""
    bad = ('<body style="background: #888"><p id="a" style="width:3000px; color: #999">x</p>'
           '<p id="a"></p><script>boom()</script>')
    (seen,), console = look([(bad, 400)], tmp_path, CONTRAST)
    assert seen["scroll"] > seen["inner"] and seen["doubled"] == 1
    assert seen["worst"]["least"][0] < 1.5
    assert any("boom" in line for line in console)


def test_paper_sees_what_is_cut(tmp_path: Path) -> None:
    """The tests of print can fail: a table that is too wide, in a folded place, too."""
    cells = "<td>wide</td>" * 60
    seen = on_paper("<details><table><tr>" + cells + "</tr></table></details>", tmp_path)
    assert seen["seen"] == len(seen["cut"]) == 1
    white = np.full((300, 200), 255.0)
    for spoil in (lambda s: s, lambda s: s - 200, lambda s: np.where(np.arange(200) > 197, 0, s)):
        with pytest.raises(AssertionError):
            check_sheets([spoil(white)])
    check_sheets([np.where(np.arange(200) % 50 == 9, 0, white)])


def test_the_main_table_fits(pages: dict[str, str], tmp_path: Path) -> None:
    """A window of 1000 px shows the answer's table whole; nobody has to move it aside."""
    field = """wide: (() => { const w = d.querySelector("#answer .wide");
      return [w.scrollWidth, w.clientWidth]; })()"""
    (seen,), _ = look([(pages["one"], 1000)], tmp_path, field)
    assert seen["wide"][0] <= seen["wide"][1]
