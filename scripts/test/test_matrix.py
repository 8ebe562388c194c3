# SPDX-License-Identifier: MIT
"""From conformance.json to the matrix: sentences, rows, escaping, several files, errors."""

from __future__ import annotations

import copy
import html.parser
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import conformfile
import make_conformance
import runfile
from conformfile import SIGNS, Document
from make_conformance import HOSTILE
from matrix import escaped, labelled, render, terminal
from pivot import Pivot, merged

Raw = dict[str, Any]


@pytest.fixture
def raw(golden: Raw) -> Raw:
    return make_conformance.conformance(golden["context"]["spawnmark"]["environment"])


@pytest.fixture
def other(raw: Raw) -> Raw:
    """An older kernel and suite: clone3 is missing, a cell differs, one check is not there yet."""
    made = copy.deepcopy(raw)
    made["context"]["spawnmark"]["environment"]["kernel"] = "6.1.0"
    made["features"][0].update(presence="missing", errno="ENOSYS")
    cell_of(made, "exit.core", "zygote").update(verdict="PASS", observed="holds")
    drop_check(made, "signals.mask")
    return made


def cell_of(raw: Raw, check: str, strategy: str) -> Raw:
    return next(c for c in raw["conformance"]
                if (c["check"], c["strategy"]) == (check, strategy))


def drop_check(raw: Raw, check: str) -> None:
    raw["checks"] = [c for c in raw["checks"] if c["id"] != check]
    raw["conformance"] = [c for c in raw["conformance"] if c["check"] != check]


def calm(raw: Raw) -> None:
    """Nothing fails any more."""
    for c in raw["conformance"]:
        if c["verdict"] in conformfile.BAD:
            c.update(verdict="PASS", observed=c["expected"], evidence="seen")
            c.update(observed="holds", expected="holds")


def pivot_of(*raws: Raw) -> Pivot:
    return Pivot([Document(r, Path("x.json")) for r in raws])


def put(raw: Any, path: Path) -> Path:
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def matrix(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPTS / "matrix.py"), *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, check=False)


class Page(html.parser.HTMLParser):
    """Text, tags, titles and ids of a page; fails on a tag that is not closed in order."""

    VOID = {"meta", "link", "br", "input"}
    OPTIONAL = {"option", "li"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self.tags.append(tag)
        self.titles += [own["title"] or ""] if "title" in own else []
        self.ids += [own["id"] or ""] if "id" in own else []
        self.links += [own["href"] or ""] if tag == "a" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data


# ---- the golden document itself ----

def test_golden_has_every_verdict(raw: Raw) -> None:
    seen = {c["verdict"] for c in raw["conformance"]}
    assert seen == set(conformfile.RANK)
    assert {conformfile.Cell([c], None).key for c in raw["conformance"]} == set(SIGNS)


def test_golden_is_valid(raw: Raw, other: Raw) -> None:
    for document in (raw, other):
        assert runfile.check(document, schema=conformfile.SCHEMA) == []


# ---- the sentence ----

def test_sentence(raw: Raw) -> None:
    assert pivot_of(raw).sentence == (
        "8 checks × 3 strategies on vm, Linux 6.18.44: 4 cells failed (1 FAIL, 1 XPASS, 1 BROKEN, "
        "1 TIMEOUT): exit.core in zygote, signals.mask in fork, exit.burst in popen and 1 more; "
        "9 hold, 2 differ by design, 3 are recorded, 3 are skipped.")


def test_sentence_of_a_good_run(raw: Raw) -> None:
    calm(raw)
    assert pivot_of(raw).sentence == (
        "8 checks × 3 strategies on vm, Linux 6.18.44: nothing failed; 13 hold, 2 differ by "
        "design, 3 are recorded, 3 are skipped.")


def test_sentence_of_one_failure_needs_no_kinds(raw: Raw) -> None:
    calm(raw)
    cell_of(raw, "exit.core", "fork").update(verdict="FAIL", observed="fails")
    cell_of(raw, "identity.exe", "fork").update(verdict="PASS", observed="holds")
    assert (": 1 cell failed: exit.core in fork; 13 hold, 1 differs by design, 3 are recorded, "
            in pivot_of(raw).sentence)


def test_sentence_of_several_files(raw: Raw, other: Raw) -> None:
    assert pivot_of(raw, other).sentence == (
        "8 checks × 3 strategies in 2 files. vm, Linux 6.18.44: 4 cells failed (1 FAIL, 1 XPASS, "
        "1 BROKEN, 1 TIMEOUT): exit.core in zygote and 3 more; vm, Linux 6.1.0: 2 cells failed "
        "(1 BROKEN, 1 TIMEOUT): exit.burst in popen and 1 more. 1 cell and 1 feature differ "
        "between the files.")


def test_incomplete_is_marked(raw: Raw, other: Raw) -> None:
    other["incomplete"] = "interrupted"
    assert pivot_of(other).sentence.startswith("Incomplete: 7 checks")
    both = pivot_of(raw, other)
    assert both.sentence.startswith("Incomplete (vm, Linux 6.1.0): 8 checks")
    for text in (render("matrix.html", both), render("matrix.md", both), *[
            "\n".join(terminal(both))]):
        assert "vm, Linux 6.1.0: incomplete: interrupted" in text


# ---- rows, counts, cells ----

def test_differing_rows(raw: Raw) -> None:
    found = pivot_of(raw).differing
    assert [r.id for r in found] == ["identity.exe", "exit.core", "exit.burst", "exit.rusage",
                                     "signals.mask"]
    assert found[0].reasons == [("fork, zygote", "differs by design: the child is a clone of the "
                                                 "parent")]


def test_what_fails_everywhere_is_listed(raw: Raw) -> None:
    """No strategy differs from another there, yet it must be seen."""
    calm(raw)
    for s in make_conformance.STRATEGIES:
        cell_of(raw, "identity.ppid.parent", s).update(verdict="FAIL", observed="fails")
    pivot = pivot_of(raw)
    row = next(r for r in pivot.rows if r.id == "identity.ppid.parent")
    assert not row.differs and row in pivot.differing


def test_not_applicable_is_no_difference(raw: Raw) -> None:
    calm(raw)
    cell_of(raw, "exit.rusage", "popen").update(verdict="NA", observed="none")
    assert "exit.rusage" not in [r.id for r in pivot_of(raw).differing]


def test_counts(raw: Raw) -> None:
    pivot = pivot_of(raw)
    d = pivot.documents[0]
    assert pivot.counts(d, pivot.rows) == [
        {"PASS": 4, "RECORD": 2, "SKIP": 1, "TIMEOUT": 1},
        {"PASS": 3, "XFAIL": 1, "RECORD": 1, "SKIP": 1, "XPASS": 1},
        {"PASS": 2, "XFAIL": 1, "SKIP": 1, "FAIL": 1, "BROKEN": 1}]
    assert pivot.counts(d, pivot.group("signals")) == [{"PASS": 1, "SKIP": 1},
                                                       {"SKIP": 1, "XPASS": 1},
                                                       {"PASS": 1, "SKIP": 1}]


def test_failed_cells_must_first(raw: Raw) -> None:
    levels = [r.check["level"] for r, _, _ in pivot_of(raw).failed]
    assert levels == ["MUST", "MUST", "SHOULD", "SHOULD"]


def test_rounds(raw: Raw) -> None:
    """The worst round speaks, and rounds that disagree are named."""
    raw["conformance"] += [make_conformance.cell("identity.ppid.parent", "popen", kind, None, n)
                           for n, kind in ((1, "FAIL"), (2, "PASS"))]
    raw["conformance"].append(make_conformance.cell("signals.mask", "popen", "PASS", None, 1))
    pivot = pivot_of(raw)
    flaky = [(r.id, c.strategy, c.word) for r, _, c in pivot.flaky]
    assert flaky == [("identity.ppid.parent", "popen", "FAIL 1 of 3")]
    line = "~ disagreeing rounds: identity.ppid.parent in popen: FAIL 1 of 3"
    assert line in terminal(pivot)
    assert "~ rounds disagree" in render("matrix.md", pivot)
    assert "Rounds that disagree" in render("matrix.html", pivot)


def test_strategies_in_the_known_order(raw: Raw) -> None:
    raw["strategies"].reverse()
    raw["strategies"][0]["foreign"] = True
    assert [s for _, s in pivot_of(raw).columns] == ["popen", "fork", "zygote"]
    raw["strategies"][2]["foreign"] = True
    assert [s for _, s in pivot_of(raw).columns] == ["fork", "popen", "zygote"]


def test_record_says_what_was_seen(raw: Raw) -> None:
    row = next(r for r in pivot_of(raw).rows if r.id == "exit.rusage")
    assert [c and (c.observed, c.word) for c in row.cells] == [("fails", "no"), ("holds", "yes"),
                                                               None]


# ---- the page ----

def test_page_is_whole(raw: Raw, other: Raw) -> None:
    """Every cell's evidence and source can be read without hovering, and in its tooltip."""
    for raws in ((raw,), (raw, other)):
        page = Page(render("matrix.html", pivot_of(*raws)))
        assert len(set(page.ids)) == len(page.ids)
        assert {a[1:] for a in page.links} <= set(page.ids)
        tips = "\n".join(page.titles)
        for c in raw["conformance"]:
            assert c["evidence"] in page.text and c["evidence"] in tips
        for c in raw["checks"]:
            assert c["claim"] in page.text and page.text.count(c["source"]) >= 1
            assert c["source"] in tips
        assert "differs by design: the child is a clone of the parent" in page.text
        assert "needs clear_sighand: refused · " in page.text
        failed = page.text[page.text.rindex("What failed"):
                           page.text.rindex("Where strategies differ")]
        for c in raw["conformance"]:
            assert (c["repeat"] in page.text) == (c["verdict"] in conformfile.BAD)
            assert (c["repeat"] in failed) == (c["verdict"] in conformfile.BAD)


def test_page_keeps_evidence_harmless(raw: Raw) -> None:
    text = render("matrix.html", pivot_of(raw))
    page = Page(text)
    assert page.tags.count("script") == 1 and "<script>alert" not in text
    assert HOSTILE in page.text
    assert "refused <b>|</b>" in page.text


def test_page_needs_no_network(raw: Raw) -> None:
    text = render("matrix.html", pivot_of(raw))
    assert not re.search(r"""(src|href)=["'](?!#|data:)|https?://|@import|url\(""", text)


def test_cells_without_answer_say_why(raw: Raw) -> None:
    page = Page(render("matrix.html", pivot_of(raw)))
    assert "· n/a only for SERVER · " in page.text
    assert page.titles.count("the file has no such cell") == 2  # differs, and all


# ---- Markdown ----

def columns_of(line: str) -> int:
    """Cells of a table's line, as GitHub counts them."""
    return len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) - 1


def test_markdown_tables_are_square(raw: Raw, other: Raw) -> None:
    for raws in ((raw,), (raw, other)):
        text = render("matrix.md", pivot_of(*raws))
        tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
        assert len(tables) == 3 + 3 if len(raws) == 1 else 3 + 3 + 7
        for table in tables:
            lines = table.splitlines()
            assert re.fullmatch(r"\|(---\|)+", lines[1])
            assert {columns_of(x) for x in lines} == {columns_of(lines[0])}, table


def test_markdown_escapes() -> None:
    assert escaped(HOSTILE) == (r"saw &lt;script&gt;alert('x')&lt;/script&gt; \| \`a\|b\` \*and\* "
                                r"\[c\](d) &amp; \\ on two lines")


def test_markdown_condenses(raw: Raw) -> None:
    text = render("matrix.md", pivot_of(raw))
    assert text.startswith("# 8 checks × 3 strategies on vm, Linux 6.18.44: 4 cells failed")
    assert "| **all** | 4 ✓ 2 ◆ 1 ↷ 1 ◷ TIMEOUT | 3 ✓ 1 ≠ 1 ◆ 1 ↷ 1 ! XPASS |" in text
    assert "| identity.exe MUST | ✓ | ≠ | ≠ |" in text
    assert escaped(HOSTILE) in text and HOSTILE.splitlines()[0] not in text
    for c in raw["conformance"]:
        there = f"\n      {c['repeat']}\n" in text
        assert there == (c["verdict"] in conformfile.BAD)


def test_good_run_says_nothing_failed(raw: Raw) -> None:
    calm(raw)
    assert "## What failed\n\nNothing.\n" in render("matrix.md", pivot_of(raw))
    assert "What failedNothing." in Page(render("matrix.html", pivot_of(raw))).text.replace("\n", "")


# ---- several files ----

def test_changes(raw: Raw, other: Raw) -> None:
    pivot = pivot_of(raw, other)
    assert [(c.what, c.strategy) for c in pivot.changed] == [("exit.core", "zygote")]
    assert [c.what for c in pivot.changed_features] == ["clone3"]
    assert pivot.absent == ["vm, Linux 6.1.0 has no results of these checks: signals.mask"]
    page = Page(render("matrix.html", pivot)).text
    assert "What changed between files" in page and "signals.mask" in page
    text = render("matrix.md", pivot)
    assert "- feature clone3: vm, Linux 6.18.44 present, vm, Linux 6.1.0 missing" in text
    assert "| exit.core | zygote | ✗ FAIL (fails):" in text


def test_same_verdict_of_another_observation_is_a_change(raw: Raw, other: Raw) -> None:
    """RECORD has no other verdict: what was seen tells."""
    cell_of(other, "exit.rusage", "fork")["observed"] = "fails"
    assert ("exit.rusage", "fork") in [(c.what, c.strategy) for c in pivot_of(raw, other).changed]


def test_union_of_checks_keeps_the_order() -> None:
    assert merged([["a", "c"], ["a", "b", "c", "d"], ["z", "c"]]) == ["z", "a", "b", "c", "d"]
    assert merged([]) == []


def test_labels(raw: Raw, tmp_path: Path) -> None:
    files = [put(raw, tmp_path / f"{n}.json") for n in "abc"]
    later = "2026-11-25T19:00:00Z"
    assert [d.label for d in labelled(files, ["x"])] == [
        "x", f"vm, Linux 6.18.44, {later} (1)", f"vm, Linux 6.18.44, {later} (2)"]
    assert [d.label for d in labelled(files[:2], ["vm, Linux 6.18.44"])] == [
        "vm, Linux 6.18.44", f"vm, Linux 6.18.44, {later}"]
    assert [d.label for d in labelled(files[:1], [])] == ["vm, Linux 6.18.44"]


# ---- the command ----

def test_command(raw: Raw, tmp_path: Path) -> None:
    file = put(raw, tmp_path / "conformance.json")
    told = matrix(file)
    assert told.returncode == 0 and told.stderr == ""
    lines = told.stdout.splitlines()
    assert lines[0].startswith("8 checks × 3 strategies on vm, Linux 6.18.44: 4 cells failed")
    assert "  zygote  2 pass, 1 differs, 1 skip, 1 FAIL, 1 BROKEN" in lines
    assert "    repeat: build/spawnmark conform --strategy zygote --only '^exit\\.core$'" in lines
    assert lines[-2:] == [str(tmp_path / "matrix.html"), str(tmp_path / "matrix.md")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["conformance.json", "matrix.html",
                                                          "matrix.md"]


def test_command_with_several_files(raw: Raw, other: Raw, tmp_path: Path) -> None:
    files = [put(raw, tmp_path / "a.json"), put(other, tmp_path / "b.json")]
    told = matrix(*files)
    assert told.returncode == 2 and "-o DIR" in told.stderr
    told = matrix(*files, "-o", tmp_path / "new" / "out", "--label", "new", "--label", "old")
    assert told.returncode == 0, told.stderr
    assert "new: 4 cells failed" in told.stdout and "; old: 2 cells failed" in told.stdout
    assert (tmp_path / "new" / "out" / "matrix.html").exists()


Damage = Callable[[Raw], Any]
BAD_FILES: list[tuple[Damage, str]] = [
    (lambda r: r["context"]["spawnmark"].update(schema="conformance-9"),
     "schema 'conformance-9' is not known; expected 'conformance-1'"),
    (lambda r: r.pop("context"), "no context/spawnmark/schema"),
    (lambda r: r.pop("checks"), "checks"),
    (lambda r: r["conformance"][0].pop("verdict"), "verdict"),
    (lambda r: r["conformance"][0].update(verdict="MAYBE"), "MAYBE"),
    (lambda r: r["conformance"][3].update(check="no.such"), "conformance/3: check 'no.such'"),
    (lambda r: r["conformance"][3].update(strategy="magic"), "strategy 'magic'"),
    (lambda r: r["checks"][0].update(group="gone"), "group 'gone'"),
]


@pytest.mark.parametrize(("damage", "said"), BAD_FILES)
def test_bad_documents(raw: Raw, tmp_path: Path, damage: Damage, said: str) -> None:
    damage(raw)
    told = matrix(put(raw, tmp_path / "x.json"))
    assert told.returncode == 2 and told.stdout == ""
    assert told.stderr.count("\n") == 1 and said in told.stderr and "x.json" in told.stderr
    assert not (tmp_path / "matrix.html").exists()


def test_bad_files(raw: Raw, tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"context": ')
    (tmp_path / "nan.json").write_text('{"context": NaN}')
    for arguments, said in (((tmp_path / "none.json",), "No such file"),
                            ((broken,), "expected JSON as `spawnmark conform --json` writes it"),
                            ((tmp_path / "nan.json",), "NaN is not JSON"),
                            ((put([], tmp_path / "list.json"),), "context/spawnmark/schema"),
                            ((put(raw, tmp_path / "a.json"), "--label", "x", "--label", "y"),
                             "2 labels for 1 files"),
                            ((tmp_path / "a.json", tmp_path / "a.json", "-o", tmp_path,
                              "--label", "x", "--label", "x"), "both be called 'x'"),
                            ((tmp_path / "a.json", "-o", broken), "exists")):
        told = matrix(*arguments)
        assert told.returncode == 2 and told.stderr.count("\n") == 1, told.stderr
        assert said in told.stderr and told.stdout == ""


def test_nothing_asked(raw: Raw) -> None:
    """--only that fits nothing, or a run that was cut at once."""
    raw.update(conformance=[], incomplete="interrupted")
    pivot = pivot_of(raw)
    assert pivot.sentence == ("Incomplete: 0 checks × 3 strategies on vm, Linux 6.18.44: "
                              "nothing failed.")
    Page(render("matrix.html", pivot))
    render("matrix.md", pivot)
    assert "  popen   nothing asked" in terminal(pivot)
