# SPDX-License-Identifier: MIT
"""A headless browser for tests of pages: probes that look at frames of many widths, and pixels."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTHS = (400, 1000, 1600)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
               None)
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars", "--enable-logging=stderr", "--v=0"]
SCHEMES = {"dark": "--blink-settings=preferredColorScheme=0",
           "light": "--blink-settings=preferredColorScheme=1"}
MISSING = "no chromium on this machine"
NO_PRINTER = None if shutil.which("pdftoppm") else "pdftoppm is missing: make setup"
#: Pixels of A4 less margins of 1 cm.
PORTRAIT, LANDSCAPE = 718, 1047
CUT = """cut: [...d.querySelectorAll("table, .picture svg")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > d.documentElement.clientWidth + 1)
    .map(e => `${e.closest("section")?.id} ${e.textContent.trim().slice(0, 60)}`),
  seen: [...d.querySelectorAll("table, .picture svg")].filter(e => e.checkVisibility()).length"""

# Headless windows have a least width, frames have not. srcdoc frames are of the same origin.
# LOOK is what is told of each document d, as fields of an object.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
addEventListener("load", async () => {
  const out = [];
  for (const f of document.querySelectorAll("iframe")) {
    const d = f.contentDocument, ids = [...d.querySelectorAll("[id]")].map(e => e.id);
    out.push({asked: +f.width, inner: d.documentElement.clientWidth,
              scroll: d.documentElement.scrollWidth, height: d.documentElement.scrollHeight,
              doubled: ids.length - new Set(ids).size, LOOK});
  }
  const p = document.createElement("pre"); p.id = "seen"; p.textContent = JSON.stringify(out);
  document.body.append(p);
});
</script>FRAMES</body>"""


def frame(text: str, width: int) -> str:
    return (f'<iframe width="{width}" height="900" style="border:0" '
            f'srcdoc="{html.escape(text, quote=True)}"></iframe>')


def browse(file: Path, profile: Path, scheme: str = "light",
           *more: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What the probe saw, and the console's lines."""
    done = _run(file, profile, scheme, "--dump-dom", *more)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found[1])), console


def look(pages: list[tuple[str, int]], folder: Path, fields: str = "more: null",
         scheme: str = "light") -> tuple[list[dict[str, Any]], list[str]]:
    """Each page in a frame of its width."""
    probe = folder / "probe.html"
    frames = "".join(frame(text, width) for text, width in pages)
    probe.write_text(PROBE.replace("LOOK", fields).replace("FRAMES", frames), encoding="utf-8")
    return browse(probe, folder / "profile", scheme)


def screenshot(text: str, folder: Path, scheme: str, width: int, height: int) -> Path:
    """The page as it is painted."""
    page, out = folder / "page.html", folder / f"{scheme}-{width}.png"
    page.write_text(text, encoding="utf-8")
    _run(page, folder / "profile", scheme, f"--window-size={width},{height}",
         f"--screenshot={out}")
    assert out.is_file()
    return out


def on_paper(text: str, folder: Path, width: int = PORTRAIT) -> dict[str, Any]:
    """The page by its rules for print, unfolded, on a sheet's width: which tables and pictures go
    beyond its edge, of how many.
    """
    for screen, paper in (("@media print", "@media all"), ("@media screen", "@media not all"),
                          ("<details", "<details open")):
        text = text.replace(screen, paper)
    (seen,), console = look([(text, width)], folder, CUT)
    assert console == []
    return seen


def printed(text: str, folder: Path, scheme: str) -> list[Any]:
    """Each sheet as it comes out of the printer: grey levels."""
    page, out = folder / "page.html", folder / f"{scheme}.pdf"
    page.write_text(text, encoding="utf-8")
    _run(page, folder / "profile", scheme, "--no-pdf-header-footer", f"--print-to-pdf={out}")
    subprocess.run(["pdftoppm", "-r", "40", "-gray", out, folder / f"{scheme}-sheet"], check=True,
                   timeout=120)
    sheets = sorted(folder.glob(f"{scheme}-sheet-*.pgm"))
    return [np.asarray(Image.open(sheet), dtype=float) for sheet in sheets]


def check_sheets(sheets: list[Any]) -> None:
    """Ink on white, none of it at the edge, where it would be cut; no sheet is blank."""
    assert sheets
    for number, sheet in enumerate(sheets, 1):
        assert (sheet > 240).mean() > 0.25, f"sheet {number} is dark"
        assert (sheet < 160).mean() > 0.0005, f"sheet {number} is blank"
        assert sheet[:, -4:].min() > 200, f"sheet {number} goes on beyond its right edge"


def _run(file: Path, profile: Path, scheme: str,
         *more: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER
    return subprocess.run(
        [BROWSER, *FLAGS, SCHEMES[scheme], f"--user-data-dir={profile}",
         "--virtual-time-budget=5000", *more, file.as_uri()], capture_output=True, text=True,
        timeout=180, check=False)
