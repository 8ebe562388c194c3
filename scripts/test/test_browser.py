# SPDX-License-Identifier: MIT
"""The page in a real browser: no console error, nothing wider than the window."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import runfile
from page import page
from report import draw_all

WIDTHS = (400, 1000, 1600)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--enable-logging=stderr", "--v=0"]
# Headless windows have a least width, frames have not. srcdoc frames are of the same origin.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
addEventListener("load", () => {
  const out = [...document.querySelectorAll("iframe")].map(f => {
    const d = f.contentDocument, ids = [...d.querySelectorAll("[id]")].map(e => e.id);
    return {asked: +f.width, inner: d.documentElement.clientWidth,
            scroll: d.documentElement.scrollWidth, height: d.documentElement.scrollHeight,
            doubled: ids.length - new Set(ids).size};
  });
  const p = document.createElement("pre"); p.id = "seen"; p.textContent = JSON.stringify(out);
  document.body.append(p);
});
</script>%s</body>"""


def browse(file: Path, profile: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What the probe saw, and the console's lines."""
    assert BROWSER
    done = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom",
         file.as_uri()], capture_output=True, text=True, timeout=120, check=False)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found[1])), console


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")
def test_page_in_browser(run: runfile.Run, tmp_path: Path) -> None:
    text = html.escape(page(run, draw_all(run, tmp_path / "plots")), quote=True)
    frames = "".join(f'<iframe width="{w}" height="900" style="border:0" srcdoc="{text}">'
                     "</iframe>" for w in WIDTHS)
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE % frames, encoding="utf-8")
    seen, console = browse(probe, tmp_path / "profile")
    assert console == []
    assert [s["asked"] for s in seen] == list(WIDTHS)
    for s in seen:
        assert s["height"] > 2000, "the page is empty"
        assert s["scroll"] <= s["inner"], f"{s['scroll']} px wide in a window of {s['asked']}"
        assert s["doubled"] == 0, "an id is used twice"


@pytest.mark.skipif(BROWSER is None, reason="no chromium on this machine")
def test_browser_sees_errors(tmp_path: Path) -> None:
    """The test above can fail: a wide element, a double id and a console error are seen."""
    bad = html.escape('<p id="a" style="width:3000px">x</p><p id="a"></p><script>boom()</script>')
    probe = tmp_path / "probe.html"
    probe.write_text(PROBE % f'<iframe width="400" height="300" srcdoc="{bad}"></iframe>')
    seen, console = browse(probe, tmp_path / "profile")
    assert seen[0]["scroll"] > seen[0]["inner"] and seen[0]["doubled"] == 1
    assert any("boom" in line for line in console)
