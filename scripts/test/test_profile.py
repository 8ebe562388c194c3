# SPDX-License-Identifier: MIT
"""The instruction profile: what the plugin wrote, names, categories, agreement, pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pytest

import kernel_parts as parts
from kernels import flame, profile
from kernels.counted import Case, Counted, cases, control
from kernels.errors import USAGE, KernelsError
from kernels.functions import UNKNOWN, Functions, Shares
from kernels.image import Kernel
from kernels.shares import Profile, Table, as_json
from kernels.stacks import USER, Namer, Segment, Symbols, read

K = 0xffffffff81000000
KALLSYMS = f"""\
{K + 0x10:x} t entry_SYSCALL_64
{K + 0x20:x} T do_syscall_64
{K + 0x30:x} t __ia32_sys_clone
{K + 0x30:x} t __x64_sys_clone
{K + 0x40:x} T kernel_clone
{K + 0x50:x} t copy_process.part.0
{K + 0x58:x} t copy_process.cold
{K + 0x60:x} T copy_page_range
{K + 0x70:x} T memcpy
{K + 0x80:x} T __x86_indirect_thunk_rax
{K + 0x90:x} t asm_exc_page_fault
{K + 0xa0:x} T handle_mm_fault
{K + 0xb0:x} T __switch_to_asm
{K + 0xc0:x} T do_task_dead
{K + 0xd0:x} t ret_from_fork_asm
{K + 0xe0:x} T who_knows
0000000000000000 A fixed_percpu_data
0000000000001000 T of_each_cpu
ffffffffc0000000 t of_a_module	[module]
""".splitlines()
NM = [f"{0x60000000 + 16 * i:016x} T {name}" for i, name in enumerate(
    ("_start", "main", "sm_marker_arm", "sm_marker_begin", "sm_marker_end", "sm_marker_done"))]
NODES = "node 4 0 {0:x}\nnode 5 4 {1:x}\nnode 6 5 {2:x}\nnode 7 6 {3:x}\nnode 8 7 {4:x}\nnode 9 1 {5:x}\n".format(
    *(K + n for n in (0x10, 0x20, 0x40, 0x50, 0x60, 0x90)))
COUNTS = (f"count 7 {K + 0x5a:x} 100\ncount 8 {K + 0x64:x} 600\ncount 8 {K + 0x72:x} 50\n"
          f"count 8 {K + 0x81:x} 30\ncount 9 {K + 0xa8:x} 150\ncount 1 60000018 40\n"
          f"count 1 7fff12345678 10\ncount 0 {K + 0xe4:x} 20\n")
OUTPUT = f"segment 2\nspan 498\nspan 502\n{NODES}{COUNTS}repeats 12\nend 0\n"


@pytest.fixture
def namer() -> Namer:
    return Namer(Symbols(KALLSYMS, low=1 << 63), Symbols(NM), 0x60001000)


@pytest.fixture
def segment() -> Segment:
    (found,) = read(OUTPUT.splitlines())
    return found


def counted(namer: Namer, segment: Segment, clock: list[int], word: str = "6.12") -> Counted:
    return Counted(Kernel("amd64", Path("vmlinuz"), None, word=word), f"{word}.1",
                   Case("fork", 64, "4k"), segment, clock, namer)


def test_reads_what_the_plugin_writes(segment: Segment) -> None:
    assert (segment.spans, segment.repeats, segment.lost) == ([498, 502], 12, 0)
    assert segment.nodes[8] == (7, K + 0x60) and len(segment.counts) == 8
    assert len(read((OUTPUT + OUTPUT).splitlines())) == 2


@pytest.mark.parametrize("text, said", [
    (OUTPUT.replace("end 0\n", ""), "is cut"),
    ("span 4\n", "line 1 .*before any segment"),
    ("segment 1\nspan x\n", "line 2"),
    ("segment 1\nnoise\n", "no word 'noise'"),
    ("segment 1\ncount 1\n", "line 2"),
])
def test_refuses_what_it_does_not_write(text: str, said: str) -> None:
    with pytest.raises(KernelsError, match=said):
        read(text.splitlines())


def test_symbols_are_functions_of_the_kernel_alone(namer: Namer) -> None:
    symbols = namer.kernel
    assert "of_each_cpu" not in symbols.at, "an offset, and no address"
    assert "of_a_module" not in symbols.at and "fixed_percpu_data" not in symbols.at
    assert symbols.name(K + 0x33) == "__x64_sys_clone", "of two names the one that says more"
    assert symbols.name(K + 0x59) == "copy_process", "what the compiler cut off is the same function"
    assert symbols.name(K) is None and symbols.after(K + 0xb0) == K + 0xc0


def test_paths_have_role_callers_and_function(namer: Namer, segment: Segment) -> None:
    clone = ("parent", "entry_SYSCALL_64", "do_syscall_64", "kernel_clone", "copy_process")
    assert namer.paths(segment) == {
        clone: 100, (*clone, "copy_page_range"): 630,  # the thunk's are its caller's
        (*clone, "copy_page_range", "memcpy"): 50,
        ("child", "asm_exc_page_fault", "handle_mm_fault"): 150,
        ("child", USER, "main"): 40, ("child", USER, "[vdso or another program]"): 10,
        ("parent", "who_knows"): 20}


def test_phases_and_categories(namer: Namer, segment: Segment) -> None:
    shares = Shares(namer.paths(segment), Functions())
    assert shares.total == 1000 == sum(segment.spans)
    assert shares.by(0) == {"clone": 780, "faults": 150, "user": 50, "switch": 20}
    assert shares.by(1) == {"page tables": 680, "faults": 150, "task and pid": 100, "user space": 50,
                            UNKNOWN: 20}
    assert shares.roles == {"parent": 800, "child": 200}
    assert shares.inclusive["kernel_clone"] == 780 and shares.inclusive["copy_page_range"] == 680
    assert shares.unlisted == {"who_knows": 20} and shares.unknown == 20


def test_a_function_that_calls_itself_is_counted_once() -> None:
    shares = Shares({("parent", "walk", "visit", "walk"): 5, ("parent", "walk"): 2}, Functions())
    assert shares.inclusive == {"walk": 7, "visit": 5}


def test_an_exception_within_a_call_is_the_calls() -> None:
    functions = Functions()
    inner = ("child", "entry_SYSCALL_64", "do_syscall_64", "__x64_sys_execve", "copy_strings",
             "asm_exc_page_fault", "handle_mm_fault")
    assert functions.phase(inner) == "exec" and functions.category(inner) == "faults"
    assert functions.phase(("child", "entry_SYSCALL_64", "do_syscall_64")) == "entry and return"
    assert functions.phase(("kernel", "rcu_gp_kthread")) == "kernel threads"


@pytest.mark.parametrize("name, category", [
    ("unmap_page_range", "page tables"), ("dup_mmap", "VMAs"), ("dup_fd", "descriptors"),
    ("cgroup_post_fork", "cgroup"), ("folio_memcg_lock", "cgroup"), ("__schedule", "scheduler"),
    ("do_sigaction", "signals"), ("load_elf_binary", "exec of an image"), ("clear_page_erms", "pages"),
    ("security_task_alloc", "credentials and security"), ("kmem_cache_alloc", "helpers"),
    ("pipe_write", "pipes and sockets"), ("rcu_do_batch", "deferred work and interrupts"),
    ("copy_process", "task and pid"), ("handle_mm_fault", "faults"), ("link_path_walk", "files"),
    ("do_syscall_64", "entry and return"), ("xyzzy", None)])
def test_the_table(name: str, category: str | None) -> None:
    assert Functions().own(name) == category


def test_a_bad_table_is_told(tmp_path: Path) -> None:
    bad = tmp_path / "functions.toml"
    bad.write_text("[phases]\nclone = [\n")
    with pytest.raises(KernelsError, match="functions.toml"):
        Functions(bad)


def test_agreement_with_the_clock(namer: Namer, segment: Segment) -> None:
    good = counted(namer, segment, [500, 503])
    good.check()
    assert good.disagreement == pytest.approx(2 / 500) and good.counted == 1000
    with pytest.raises(KernelsError, match="1.2% apart, more than 1%"):
        counted(namer, segment, [504, 502]).check()  # one span of two is enough
    with pytest.raises(KernelsError, match="2 spans counted, 1 measured"):
        counted(namer, segment, [498]).check()


def test_what_has_no_name_is_bounded(namer: Namer, segment: Segment) -> None:
    assert Profile(counted(namer, segment, [498, 502]), Functions()).doubts() is None
    segment.counts.append((0, K + 0xe4, 200))
    doubts = Profile(counted(namer, segment, [498, 502]), Functions()).doubts()
    assert doubts and "18.3% unknown" in doubts and "who_knows" in doubts


def test_cases() -> None:
    found = list(cases(["fork", "posix_spawn"], [0, 64], ["4k", "thp"]))
    assert [c.file for c in found] == ["fork-0", "fork-64-4k", "fork-64-thp", "posix_spawn-0",
                                       "posix_spawn-64-4k", "posix_spawn-64-thp"]
    assert all(c.word.isalnum() for c in found) and len({c.word for c in found}) == 6


def test_the_plugin_is_told_what_is_where(namer: Namer) -> None:
    lines = list(control(namer.kernel, namer.program, namer.program_end))
    assert f"function {K + 0x40:x} 0" in lines and f"exception {K + 0x90:x} 0" in lines
    assert f"syscall {K + 0x10:x} 0" in lines and f"forked {K + 0xd0:x} 0" in lines
    assert f"switch {K + 0xb0:x} {K + 0xc0:x}" in lines and "begin 60000030 0" in lines
    assert "program 60000000 60001000" in lines
    assert lines.index(f"function {K + 0x90:x} 0") < lines.index(f"exception {K + 0x90:x} 0")


def test_two_kernels_side_by_side(namer: Namer, segment: Segment, tmp_path: Path) -> None:
    one, two = (Profile(counted(namer, segment, [498, 502], word), Functions()) for word in ("6.1", "6.12"))
    text = profile.tables_of([one.case], [one.of.kernel, two.of.kernel], [one, two])
    row = next(line for line in text.splitlines() if "page tables" in line)
    assert re.fullmatch(r"  page tables +340 +68\.0% +340 +68\.0% +1\.00×", row)
    assert "no cache misses, no time" in text and "0.000%" in text
    assert "–" in "\n".join(Table(one.case, [one, None]).lines())
    profile.write(tmp_path / "out", [one, two], text)
    told = json.loads((tmp_path / "out" / "profile.json").read_text())
    assert told["cases"][1] == json.loads(json.dumps(as_json(two)))
    assert told["cases"][0]["phases"] == {"clone": 390, "faults": 75, "user": 25, "switch": 10}
    assert (tmp_path / "out" / "6.1-fork-64-4k.folded").read_text().splitlines()[0] == \
        "fork;clone;page tables;copy_page_range 315"
    calls = (tmp_path / "out" / "6.12-fork-64-4k.calls.folded").read_text()
    assert "fork;parent;entry_SYSCALL_64;do_syscall_64;kernel_clone;copy_process 50\n" in calls


def test_what_cannot_be_profiled_is_told_before_a_boot(tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """No download, no boot: of two kernels the second is looked at as well."""
    def never(*_: object, **__: object) -> None:
        raise AssertionError("that is too late")

    monkeypatch.setenv("KERNEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(profile.Cache, "kernel", never)
    monkeypatch.setattr(profile, "count", never)
    arm = tmp_path / "Image"
    arm.write_bytes(parts.arm64_image())
    for argv, said in ((["6.12", "arm64:6.12"], "arm64:6.12 is for arm64: the profile knows amd64 alone"),
                       (["--kernel", str(arm)], "is for arm64: the profile knows amd64 alone"),
                       (["6.12", "--qemu", str(tmp_path / "none")], "is no program"),
                       (["6.12", "six"], "'six' is no kernel")):
        with pytest.raises(KernelsError, match=said) as err:
            profile.main(argv)
        assert err.value.code == USAGE


def test_folded_stacks() -> None:
    stacks = {("a", "b;c"): 2, ("a",): 1, ("a", "none"): 0}
    assert flame.folded(stacks) == "a 1\na;b,c 2\n"


def boxes(text: str) -> Mapping[str, tuple[float, float]]:
    space = {"s": "http://www.w3.org/2000/svg"}
    found = {}
    for group in ElementTree.fromstring(text).findall("s:g", space):
        title, rect = group.find("s:title", space), group.find("s:rect", space)
        assert title is not None and title.text and rect is not None
        found[title.text] = float(rect.get("x", "")), float(rect.get("width", ""))
    return found


def test_a_flame_graph_is_to_scale_and_without_script() -> None:
    text = flame.svg({("clone", "a<b>&c"): 750, ("exit", "x"): 240, ("exit", "y"): 10}, "t & t", "note")
    assert "<script" not in text and "t &amp; t" in text
    found = boxes(text)
    x, width = found["a<b>&c: 750 instructions, 75.0%"]
    assert x == 10 and width == pytest.approx(1180 * 0.75, abs=1)
    assert found["exit: 250 instructions, 25.0%"][0] == pytest.approx(10 + 885, abs=0.2)
    assert found["all: 1 000 instructions, 100.0%"][1] == pytest.approx(1180, abs=1)


@pytest.mark.parametrize("argv, said", [
    (["--heap", "3"], "even numbers"), (["--heap", "x"], "expected MiB"), (["--pages", "2m"], "4k or thp"),
    (["--spans", "61"], "1 to 60"), (["--strategy", ","], "commas")])
def test_bad_options(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        profile.main(argv)
    assert ended.value.code == 2 and said in capsys.readouterr().err
