# SPDX-License-Identifier: MIT
"""A cached kernel under a real QEMU: a short plan, a panic, a hang, a plan that is cut.

Nothing is fetched: without a kernel in the cache, or without QEMU, all of it is skipped.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCRIPTS

import conformfile
import runfile
from kernels import guesttest, outcome, prove, qemu
from kernels.boot import boot
from kernels.errors import KernelsError
from kernels.fetch import Cache, parse
from kernels.image import Kernel
from kernels.initramfs import GUEST, Step, build

WORDS = ("6.12", "6.1", "6.12-rt")
BOOT_S, RUN_S = 120.0, 400.0


def _why_not() -> str | None:
    for name in (qemu.MACHINES["amd64"].program, "cpio"):
        if not shutil.which(name):
            return f"{name} is missing: PROFILE=kernels make setup"
    if not _word():
        return f"no kernel in the cache: scripts/kernels.py fetch {WORDS[0]}"
    return None


def _word() -> str | None:
    cache = Cache()
    return next((w for w in WORDS if cache.has_kernel(parse(w))
                 and (cache.folder / "amd64" / "busybox" / "busybox").is_file()), None)


def test_what_is_skipped_says_what_would_help() -> None:
    assert re.search(r"make setup$|kernels.py fetch 6", _why_not() or "make setup")


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    """The newest of the cache; who asks for it is skipped where there is none."""
    why = _why_not()
    if why:
        pytest.skip(why)
    return Cache().kernel(parse(_word() or ""))


def guest(tmp_path: Path, *steps: Step, add: Path | None = None,
          files: dict[str, Path] | None = None) -> Path:
    return build(tmp_path / "guest.cpio", busybox=Cache().busybox("amd64"), steps=steps,
                 files=files or {}, add=add)


@pytest.mark.usefixtures("kernel")
def test_short_plan(tmp_path: Path) -> None:
    """What comes out is a run like any other, of instructions, with conformance beside it."""
    ran = subprocess.run(
        [sys.executable, SCRIPTS / "kernels.py", _word() or "", "--quick", "--only", "/none$",
         "--conform-only", "^(identity[.]pid|limit[.]pids-max)", "--results", tmp_path,
         "--timeout", str(RUN_S), "--no-page"], capture_output=True, text=True, timeout=900, check=False,
        env={k: v for k, v in os.environ.items() if k not in ("B", "MAKEFLAGS", "MAKELEVEL")})
    assert ran.returncode == 0, ran.stderr
    (folder,) = tmp_path.iterdir()
    run = runfile.load(folder)
    mark = run.raw["context"]["spawnmark"]
    assert run.raw["incomplete"] is None and mark["clock"]["kind"] == "instructions"
    release = mark["environment"]["kernel"].replace("+", "_")
    assert folder.name.startswith(f"qemu-amd64-{release}-2")
    strategies = {case.strategy for case in run.cases}
    assert {"popen", "vfork", "fork", "forkserver", "zygote", "zygote3", "pool"} <= strategies
    checked = subprocess.run([sys.executable, SCRIPTS / "check_schema.py", folder / "run.json"],
                             capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    document = conformfile.load(folder / "conformance.json", "guest")
    assert document.strategies
    # Of version 2 alone, whose groups with processes pass no controller on.
    assert document.cells["limit.pids-max", "vfork"].verdict == "PASS"
    assert json.loads((folder / "probe.json").read_text())
    assert json.loads((folder / "boot.json").read_text())["outcome"] == "ok"


@pytest.mark.usefixtures("kernel")
def test_planted_instructions_are_counted(tmp_path: Path) -> None:
    """Twenty more are told from none; 7 are what one reading of the clock takes more than another."""
    ran = subprocess.run(
        [sys.executable, SCRIPTS / "kernels.py", _word() or "", "--quick", "--only", "/zygote3/none/",
         "--set", "spin=10000,10020", "--set", "samples=20", "--cmdline", prove.ONE_LAYOUT,
         "--no-conform", "--results", tmp_path, "--timeout", str(RUN_S), "--no-page"],
        capture_output=True, text=True, timeout=900, check=False,
        env={k: v for k, v in os.environ.items() if k not in ("B", "MAKEFLAGS", "MAKELEVEL")})
    assert ran.returncode == 0, ran.stderr
    (folder,) = tmp_path.iterdir()
    paths = [prove.child_path(folder, spin) for spin in (10_000, 10_020)]
    assert abs(paths[1] - paths[0] - 20) <= 7, paths


def test_a_real_panic(kernel: Kernel, tmp_path: Path) -> None:
    image = guest(tmp_path, Step("before", "cp /proc/version /out"),
                  Step("crash", "dd of=/proc/sysrq-trigger if=/etc/c bs=1 count=1"),
                  add=_folder(tmp_path, "etc/c", "c"))
    ended = boot(kernel.path, initramfs=image, timeout_s=BOOT_S, out=tmp_path / "out")
    assert ended.outcome == outcome.PANIC and "sysrq triggered crash" in ended.detail
    assert "Kernel panic" in ended.console and ended.last_lines  # of the trace that follows
    assert ended.frames == ["before"] and (tmp_path / "out" / "version").read_text()


def test_a_real_hang(kernel: Kernel, tmp_path: Path) -> None:
    """An init that never speaks: the last that is heard are the kernel's words."""
    add = _folder(tmp_path, "init", "#!/bin/sh\nwhile :; do :; done\n")
    ended = boot(kernel.path, initramfs=guest(tmp_path, add=add), boot_s=8.0, timeout_s=BOOT_S)
    assert ended.outcome == outcome.HANG and ended.last_lines


def test_a_real_silence(kernel: Kernel, tmp_path: Path) -> None:
    add = _folder(tmp_path, "init", "#!/bin/sh\nwhile :; do :; done\n")
    ended = boot(kernel.path, initramfs=guest(tmp_path, add=add), boot_s=8.0, timeout_s=BOOT_S,
                 cmdline="console=ttyS9 quiet loglevel=0")
    assert ended.outcome in (outcome.SILENT, outcome.HANG)


def test_a_plan_that_is_cut(kernel: Kernel, tmp_path: Path) -> None:
    """The step is interrupted, what it had comes out, the ones after it do not begin."""
    image = guest(tmp_path, Step("mine", "cp /etc/mine /out"),
                  Step("spin", "dd if=/dev/zero of=/dev/null bs=4096"),
                  Step("never", "cp /proc/version /out"), add=_packed(tmp_path, "etc/mine", "mine"))
    ended = boot(kernel.path, initramfs=image, timeout_s=20, out=tmp_path / "out")
    assert (ended.outcome, ended.frames) == (outcome.TIMEOUT, ["mine", "spin"])
    assert (tmp_path / "out" / "steps").read_text() == "mine\t0\nspin\t130\n"
    assert (tmp_path / "out" / "mine").read_text() == "mine", "an initramfs was added"


def test_a_real_panic_that_does_not_end(kernel: Kernel, tmp_path: Path) -> None:
    """The user's words come last on its command line: it stands still, and is not waited for."""
    ended = boot(kernel.path, initramfs=guest(tmp_path), cmdline="panic=0 rdinit=/nonexistent",
                 timeout_s=BOOT_S)
    assert ended.outcome == outcome.PANIC and "rdinit=/nonexistent" in ended.detail
    assert ended.cpu_s < BOOT_S / 2 and ended.last_lines


HANGS = """#!/bin/sh
echo '[==========] Running 1 test(s).'
echo '[ RUN      ] endless'
while :; do :; done &
while :; do :; done
"""
ALONE = """#!/bin/sh
echo '[==========] Running 1 test(s).'
echo '[ RUN      ] alone'
! grep -l '[e]ndless' /proc/[1-9]*/cmdline || exit 1
echo '[       OK ] alone'
"""


SUITE = """#!/bin/sh
echo 'KTAP version 1'
echo 'ok 1 fork'
sleep 1000 &
echo 'not ok 2 posix_spawn'
printf 'cut'
exit 1
"""


def programs(tmp_path: Path, **whats: str) -> Path:
    """Of a guest with tests (guesttest.py); steps are run with the guest's script for them."""
    whats = whats or {"test_endless": HANGS, "test_next": ALONE}
    files = {"bin/test-step": GUEST / "test"}
    for what, text in whats.items():
        name = "spawnmark" if what in guesttest.SUITES else f"test/{what}"
        files[f"{guesttest.HOME}/build/{name}"] = tmp_path / what
        (tmp_path / what).write_text(text)
        (tmp_path / what).chmod(0o755)
    return guest(tmp_path, *guesttest._steps(list(whats)), files=files)


def test_a_test_that_hangs_in_a_guest(kernel: Kernel, tmp_path: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed with all that it had started, told, and the next one is run."""
    monkeypatch.setattr(guesttest, "TEST_SECONDS", 3)
    ended = boot(kernel.path, initramfs=programs(tmp_path), timeout_s=BOOT_S, out=tmp_path / "out")
    steps = outcome.steps(ended.console)
    assert ended.outcome == outcome.OK and 3 <= steps["testendless"].seconds < 8
    count = guesttest._count("test_endless", tmp_path / "out", ended.console)
    assert count.failures == ["endless did not end", "killed after 3 s of the guest's"]
    count = guesttest._count("test_next", tmp_path / "out", ended.console)
    assert (count.passed, count.failures) == (1, [])


def test_how_far_a_suite_is(kernel: Kernel, tmp_path: Path) -> None:
    """It is told as it comes; what keeps the suite's output open is not waited for."""
    made, told = programs(tmp_path, plain=SUITE, test_next=ALONE), []
    ended = boot(kernel.path, initramfs=made, timeout_s=BOOT_S, out=tmp_path / "out", tell=told.append)
    assert (ended.outcome, ended.frames) == (outcome.OK, ["prepare", "plain", "testnext"])
    assert "plain, past posix_spawn" in told and "testnext" in told
    assert (tmp_path / "out" / "plain.log").read_text() == (
        "KTAP version 1\nok 1 fork\nnot ok 2 posix_spawn\ncut\n")
    assert outcome.steps(ended.console)["plain"].status == 1


def test_a_guest_whose_time_is_up_in_a_test(kernel: Kernel, tmp_path: Path) -> None:
    """What the test had said comes out, and nothing passes that was not run."""
    ended = boot(kernel.path, initramfs=programs(tmp_path), timeout_s=20, out=tmp_path / "out")
    assert (ended.outcome, ended.frames) == (outcome.TIMEOUT, ["prepare", "testendless"])
    assert ended.detail.startswith("time is up in step testendless; what was measured until then")
    count = guesttest._count("test_endless", tmp_path / "out", ended.console)
    assert (count.failed, count.failures[0]) == (1, "endless did not end")
    count = guesttest._count("test_next", tmp_path / "out", ended.console)
    assert (count.failed, count.failures[0]) == (1, "it did not run")


def test_a_real_qemu_refuses(kernel: Kernel, tmp_path: Path) -> None:
    ended = boot(kernel.path, initramfs=guest(tmp_path), extra=["-nonsense"])
    assert ended.outcome == outcome.DEAD and "nonsense" in ended.detail
    with pytest.raises(KernelsError, match="is a kernel for amd64, not for arm64"):
        boot(kernel.path, arch="arm64", initramfs=guest(tmp_path))


def test_emulated_probes_run() -> None:
    """The guest of four instructions, where no KVM is needed."""
    for arch, machine in qemu.MACHINES.items():
        if shutil.which(machine.program):
            assert qemu.runs(machine.program, arch, "tcg", 60) is None


def _packed(tmp_path: Path, name: str, text: str) -> Path:
    """An initramfs, compressed, with one file."""
    packed = tmp_path / "more.cpio.gz"
    made = subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=_folder(tmp_path, name, text),
                          input=name.encode(), capture_output=True, check=True)
    packed.write_bytes(gzip.compress(made.stdout))
    return packed


def _folder(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / "add" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o755)
    return tmp_path / "add"
