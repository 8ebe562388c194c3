# SPDX-License-Identifier: MIT
"""kernels.py as a command, with a QEMU that is none: every way a boot can end, and what is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import SCRIPTS

import kernel_parts as parts
import runfile
from kernels import boot as boots, qemu

UP = "[    0.5] Linux version 6.99.1-test\n@spawnmark up 6.99.1-test 1.0\n"
STEPS = UP + "@spawnmark step run 1.1\n@spawnmark end run 0 2.0\n"
DONE = "@spawnmark done 3.0\n"
COMMAND = [sys.executable, str(SCRIPTS / "kernels.py")]
STATIC = SCRIPTS.parent / "build" / "static" / "spawnmark-amd64"


class Bench:
    """A folder with all that kernels.py needs, and its environment."""

    def __init__(self, top: Path, golden: dict[str, Any]) -> None:
        self.top, self.golden = top, golden
        golden["context"]["date"] = f"{qemu.EPOCH[:-2]}05+00:00"  # a guest's calendar
        for key in ("started", "finished"):
            golden["context"]["spawnmark"][key] = f"{qemu.EPOCH[:-2]}05Z"
        self.kernel, self.qemu = top / "vmlinuz-6.99.1-test", SCRIPTS / "test" / "fake_qemu.py"
        self.kernel.write_bytes(parts.bzimage())
        busybox = top / "cache" / "amd64" / "busybox"
        for folder in ("programs", "tmp"):
            (top / folder).mkdir()
        busybox.mkdir(parents=True)
        (top / "programs" / "spawnmark-amd64").write_bytes(parts.static_program())
        (busybox / "busybox").write_bytes(b"b" * 100)
        (busybox / "package.json").write_text("{}")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("SUDO_", "FAKE_"))}
        self.env |= {"KERNEL_CACHE": str(top / "cache"), "TMPDIR": str(top / "tmp"),
                     "FAKE_PID": str(top / "pid")}

    def frames(self, steps: str = "run\t0\n", more: dict[str, bytes] | None = None) -> Path:
        files = {"run.json": json.dumps(self.golden).encode(), "steps": steps.encode(),
                 "run.log": b"", **(more or {})}
        path = self.top / "frames"
        path.write_bytes(parts.frame("run", parts.archive(files)))
        return path

    def argv(self, *options: str) -> list[str]:
        return [*COMMAND, "--kernel", str(self.kernel), "--programs", str(self.top / "programs"),
                "--results", str(self.top / "results"), "--no-page", "--qemu", str(self.qemu),
                *options]

    def run(self, *options: str, **fake: str) -> subprocess.CompletedProcess[str]:
        fake = {f"FAKE_{name}": value for name, value in fake.items()}
        return subprocess.run(self.argv(*options), env=self.env | fake, capture_output=True,
                              text=True, timeout=120, check=False)

    def results(self) -> list[Path]:
        return sorted((self.top / "results").iterdir()) if (self.top / "results").is_dir() else []

    def nothing_left(self) -> bool:
        pid = self.top / "pid"
        return not list((self.top / "tmp").iterdir()) and not (
            pid.is_file() and Path(f"/proc/{pid.read_text()}").exists())


@pytest.fixture
def bench(tmp_path: Path, golden: dict[str, Any]) -> Bench:
    return Bench(tmp_path, golden)


pytestmark = pytest.mark.skipif(not shutil.which("cpio"),
                                reason="cpio is missing: PROFILE=kernels make setup")


def test_a_good_boot(bench: Bench) -> None:
    told = bench.run("--cmdline", "mitigations=off", CONSOLE=STEPS + DONE,
                     FRAMES=str(bench.frames(more={"conformance.json": b'{"context": {}}'})))
    assert told.returncode == 0, told.stderr
    (folder,) = bench.results()
    assert folder.name.startswith("qemu-amd64-mitigations=off-6.99.1-test-2")
    assert {p.name for p in folder.iterdir()} == {"run.json", "conformance.json", "steps", "boot.json",
                                                  "console.log"}
    raw = runfile.load(folder).raw
    for key in ("started", "finished"):
        started = raw["context"]["spawnmark"].pop(key)
        assert started.endswith("Z") and abs(time.time() + 5 - _seconds(started)) < 120
        del bench.golden["context"]["spawnmark"][key]
    assert raw["context"].pop("date").endswith("+00:00") and bench.golden["context"].pop("date")
    assert raw == bench.golden
    about = json.loads((folder / "boot.json").read_text())
    assert (about["outcome"], about["accelerator"], about["qemu"]) == ("ok", "icount", "0.0 (fake)"
                                                                       .split()[0])
    assert " mitigations=off" in " ".join(about["command"])
    assert (folder / "console.log").read_text() == STEPS + DONE
    assert "ok in" in told.stdout and "qemu-amd64-mitigations=off-6.99.1-test" in told.stdout
    assert ": run, about" in told.stderr and bench.nothing_left()


def test_a_failed_check_is_told(bench: Bench) -> None:
    cells = [{"check": "exit.status", "strategy": s, "verdict": v}
             for s, v in (("popen", "PASS"), ("zygote", "FAIL"), ("pool", "XPASS"))]
    frames = bench.frames("run\t0\nconform\t1\n",
                          {"conformance.json": json.dumps({"context": {}, "conformance": cells}).encode()})
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(frames))
    assert told.returncode == 1
    assert "2 cells of conformance failed: exit.status of zygote, exit.status of pool" in told.stderr
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(bench.frames("run\t1\n")))
    assert told.returncode == 1 and "a case failed" in told.stderr
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(bench.frames("run\t3\n")))
    assert told.returncode == 3 and "step run ended with status 3" in told.stderr


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date).timestamp()


PANIC = STEPS + "[    2.1] BUG: kernel NULL pointer dereference\n[    2.2] Kernel panic - not " \
    "syncing: Attempted to kill init!\n"


@pytest.mark.parametrize(("console", "end", "code", "says"), [
    (PANIC, "0", 1, "panic: the kernel panicked: Attempted to kill init!"),
    ("[    0.5] Linux version 6.99\n", "hang", 1, "hang: the kernel hangs"),
    ("", "hang", 3, "nothing came to the console: the kernel lacks CONFIG_SERIAL_8250_CONSOLE"),
    ("@spawnmark lacks CONFIG_DEVTMPFS (device files)\n", "0", 3, "lacks CONFIG_DEVTMPFS"),
    (UP, "1", 3, "QEMU ended early: exit status 1")])
def test_a_boot_that_ends_badly(bench: Bench, console: str, end: str, code: int, says: str) -> None:
    """One line, the console's last ones, a status; nothing runs on."""
    told = bench.run("--silence", "0.3", CONSOLE=console, END=end)
    assert told.returncode == code and says in told.stderr
    last = [line.partition("] ")[2] or line for line in console.splitlines()][-1:]
    assert all(f"    | {line}" in told.stderr for line in last)
    assert not bench.results() and bench.nothing_left()


def test_a_panic_that_does_not_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with panic=0 stands still for ever: that is not waited for, up to the bound of all."""
    for name, value in {**bench.env, "FAKE_CONSOLE": PANIC, "FAKE_END": "hang"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boots, "PANIC_SECONDS", 0.05)
    ended = boots.boot(bench.kernel, initramfs=bench.kernel, qemu=str(bench.qemu), timeout_s=30)
    assert ended.outcome == "panic" and "Attempted to kill init" in ended.detail
    assert ended.seconds < 30 and bench.nothing_left()


def test_qemu_tells_why(bench: Bench) -> None:
    told = bench.run(END="1", SAYS="qemu: cannot set up guest memory 'ram': Cannot allocate memory")
    assert told.returncode == 3 and "Cannot allocate memory" in told.stderr


def test_what_came_out_before_a_panic_is_kept(bench: Bench) -> None:
    told = bench.run(CONSOLE=PANIC, FRAMES=str(bench.frames()))
    assert told.returncode == 1
    (folder,) = bench.results()
    assert "Attempted to kill init" in runfile.load(folder).raw["incomplete"]["reason"]


@pytest.mark.parametrize("damage", [lambda d: d[:-1],
                                    lambda d: d[:-9] + b"x" + d[-8:],
                                    lambda d: b"\n" + d])
def test_files_that_do_not_come_out_whole(bench: Bench, damage: Callable[[bytes], bytes]) -> None:
    frames = bench.frames()
    frames.write_bytes(damage(frames.read_bytes()))
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(frames))
    assert told.returncode == 3 and "did not come out whole" in told.stderr


def test_a_frame_that_is_no_archive(bench: Bench) -> None:
    """Its checksum is right: it was packed so."""
    whole = parts.archive({"run.json": b"{}"})
    for body in (b"no archive", whole[:-20], parts.archive({"../outside": b"1"})):
        frames = bench.top / "frames"
        frames.write_bytes(parts.frame("run", body))
        told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(frames))
        assert told.returncode == 3 and "cannot be unpacked" in told.stderr, told.stderr
        assert "Traceback" not in told.stderr and not bench.results() and bench.nothing_left()


def test_damaged_files_in_a_frame(bench: Bench) -> None:
    """A guest whose own disk was full."""
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(bench.frames("run\t0\nconf")))
    assert told.returncode == 0 and len(bench.results()) == 1
    frames = bench.frames(more={"run.json": b'{"context": {'})
    told = bench.run(CONSOLE=STEPS + DONE, FRAMES=str(frames))
    assert told.returncode == 3 and "the guest's run.json is damaged" in told.stderr
    assert "Traceback" not in told.stderr and len(bench.results()) == 1 and bench.nothing_left()


def test_time_is_up(bench: Bench) -> None:
    """The guest is asked for what it has; if it does not answer, it is ended."""
    told = bench.run("--timeout", "0.2", CONSOLE=STEPS, END="asked", LATE=str(bench.frames()))
    assert told.returncode == 4 and "what was measured until then has come out" in told.stderr
    (folder,) = bench.results()
    assert runfile.load(folder).raw["incomplete"]["blocks_done"] > 0
    assert bench.nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(bench: Bench, number: signal.Signals) -> None:
    with subprocess.Popen(bench.argv(), env=bench.env | {"FAKE_CONSOLE": UP, "FAKE_END": "hang"},
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as made:
        _until(lambda: (bench.top / "pid").is_file() and (bench.top / "pid").read_text())
        os.killpg(made.pid, number)
        _, said = made.communicate(timeout=30)
    assert made.returncode == 4 and "interrupted" in said
    assert bench.nothing_left() and not bench.results()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is missing")
def test_killed_it_takes_its_guests_along(bench: Bench) -> None:
    with subprocess.Popen(bench.argv(), env=bench.env | {"FAKE_CONSOLE": UP, "FAKE_END": "hang"},
                          stderr=subprocess.DEVNULL) as made:
        _until(lambda: (bench.top / "pid").is_file() and (bench.top / "pid").read_text())
        made.kill()
    pid = (bench.top / "pid").read_text()
    _until(lambda: not _lives(pid))


def _lives(pid: str) -> bool:
    """A zombie that nobody reaps has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _until(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)  # a poll of a condition, bounded


def test_one_bad_kernel_of_two(bench: Bench) -> None:
    """The other one's results are there."""
    bad = bench.top / "bad"
    bad.write_bytes(parts.bzimage("6.98-bad"))
    fake = bench.top / "qemu"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *{bad}*) echo no such machine >&2; exit 1 ;; esac\n'
                    f'exec "{bench.qemu}" "$@"\n')
    fake.chmod(0o755)
    bench.qemu = fake
    told = bench.run("--kernel", str(bad), CONSOLE=STEPS + DONE, FRAMES=str(bench.frames()))
    assert told.returncode == 3 and len(bench.results()) == 1
    assert "6.99.1-test): ok" in told.stdout and "6.98-bad): died" in told.stdout


def test_a_truncated_image(bench: Bench) -> None:
    bench.kernel.write_bytes(parts.bzimage()[:-100])
    told = bench.run()
    assert told.returncode == 2 and told.stderr.count("\n") == 1 and "is truncated" in told.stderr


def test_a_kernel_without_options(bench: Bench) -> None:
    bench.kernel.with_name("config-6.99.1-test").write_text("CONFIG_TTY=y\n")
    told = bench.run()
    assert told.returncode == 3 and told.stderr.count("\n") == 1
    assert "CONFIG_DEVTMPFS=y (device files)" in told.stderr


def test_no_qemu(bench: Bench) -> None:
    (bench.top / "bin").mkdir()
    bench.env["PATH"] = str(bench.top / "bin")
    argv = bench.argv()
    at = argv.index("--qemu")
    told = subprocess.run(argv[:at] + argv[at + 2:], env=bench.env, capture_output=True, text=True,
                          timeout=60, check=False)
    assert told.returncode == 3 and told.stderr.count("\n") == 1
    assert "qemu-system-x86_64 is missing: PROFILE=kernels make setup" in told.stderr
    told = bench.run("--qemu", "/nonexistent/qemu")
    assert told.returncode == 2 and "QEMU=/nonexistent/qemu is no program" in told.stderr


def test_what_is_wrong_is_told_before_a_boot(bench: Bench) -> None:
    """Not after ten minutes of them."""
    none = bench.top / "none"
    (bench.top / "file").touch()
    silly = bench.top / "silly"
    silly.write_text("#!/bin/sh\necho hello\n")
    silly.chmod(0o755)
    for options, says in ((("--add", str(none)), f"INITRAMFS_ADD={none}: No such file"),
                          (("--results", str(bench.top / "file")), "OPTIONS='--results DIR'"),
                          (("--qemu", str(silly)), f"QEMU={silly} is no QEMU"),
                          (("--kernel", str(none)), f"KERNEL={none}: No such file")):
        told = bench.run(*options)
        assert told.returncode == 2 and says in told.stderr, told.stderr
        assert told.stderr.count("\n") == 1 and not (bench.top / "pid").exists()
    bench.env["KERNEL_CACHE"] = str(bench.top / "file")  # asked for later, and a download begins there
    assert f"QEMU={silly} is no QEMU" in bench.run("6.1", "--qemu", str(silly)).stderr
    told = bench.run("--timeout", "-1")
    assert told.returncode == 2 and "expected seconds, more than 0" in told.stderr


@pytest.mark.skipif(not STATIC.exists(), reason=f"{STATIC} is not built: make static")
@pytest.mark.parametrize("options, says", [
    (("--only", "nowhere"), "cases; their names look like kernels/"),
    (("--only", "("), "--only '(' is no extended regular expression"),
    (("--set", "bloks=1"), "unknown key 'bloks'; did you mean 'blocks'?"),
    (("--conform-only", "nowhere"), "--conform-only 'nowhere' matches none of"),
    (("--only", "/none$", "--conform-only", "nowhere"), "ids look like identity."),
])
def test_a_choice_of_nothing_is_told_before_a_boot(options: tuple[str, ...], says: str,
                                                   bench: Bench) -> None:
    """By the program itself, which knows what there is."""
    (bench.top / "programs" / "spawnmark-amd64").unlink()
    (bench.top / "programs" / "spawnmark-amd64").symlink_to(STATIC)
    told = bench.run(*options)
    assert told.returncode == 2 and says in told.stderr, told.stderr
    assert told.stderr.count("\n") == 1 and not (bench.top / "pid").exists()


@pytest.mark.skipif(not STATIC.exists(), reason=f"{STATIC} is not built: make static")
def test_a_choice_of_something_is_booted(bench: Bench) -> None:
    (bench.top / "programs" / "spawnmark-amd64").unlink()
    (bench.top / "programs" / "spawnmark-amd64").symlink_to(STATIC)
    told = bench.run("--only", "/none$", "--set", "blocks=1", "--conform-only", "^exit[.]",
                     CONSOLE=STEPS + DONE, FRAMES=str(bench.frames()))
    assert told.returncode == 0, told.stderr
    assert (bench.top / "pid").exists() and not list((bench.top / "tmp").iterdir())


def test_fetched_is_all_that_a_guest_needs(bench: Bench) -> None:
    """Its busybox as well: the network may be gone when it is booted."""
    kept = bench.top / "cache" / "amd64" / "6.99"
    kept.mkdir()
    (kept / "vmlinuz").write_bytes(parts.bzimage())
    (kept / "package.json").write_text('{"name": "linux", "version": "1"}')
    argv, path = [*COMMAND, "fetch", "6.99"], {"PATH": str(bench.top / "nothing")}
    told = subprocess.run(argv, env=bench.env | path, capture_output=True, text=True, timeout=60,
                          check=False)
    assert told.returncode == 0 and f"6.99: linux 1: {kept}/vmlinuz" in told.stdout, told.stderr
    shutil.rmtree(kept.with_name("busybox"))
    told = subprocess.run(argv, env=bench.env | path, capture_output=True, text=True, timeout=60,
                          check=False)
    assert told.returncode == 3 and "apt-get is missing" in told.stderr


def test_a_cache_that_is_none(bench: Bench) -> None:
    bench.env["KERNEL_CACHE"] = str(bench.kernel)
    told = subprocess.run([*COMMAND, "fetch", "6.1"], env=bench.env, capture_output=True, text=True,
                          timeout=60, check=False)
    assert told.returncode == 2 and told.stderr.count("\n") == 1
    assert "name another place with KERNEL_CACHE=DIR" in told.stderr


@pytest.mark.skipif(not (SCRIPTS.parent / ".venv/bin/python").exists(), reason=".venv: make setup")
def test_no_page(bench: Bench) -> None:
    """The results are there, and the exit status says that not all is."""
    del bench.golden["cases"]
    argv = [word for word in bench.argv() if word != "--no-page"]
    told = subprocess.run(argv, env=bench.env | {"FAKE_CONSOLE": STEPS + DONE,
                                                 "FAKE_FRAMES": str(bench.frames())},
                          capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode == 2 and "cases" in told.stderr and len(bench.results()) == 1


def test_no_static_program(bench: Bench) -> None:
    (bench.top / "programs" / "spawnmark-amd64").unlink()
    told = bench.run()
    assert told.returncode == 3 and "run 'make static ARCH=amd64'" in told.stderr


def _full(bench: Bench, folder: Path, size: str, command: list[str]
          ) -> subprocess.CompletedProcess[str]:
    """The command, with a file system of that size in place of the folder."""
    root = [] if os.geteuid() == 0 else ["-r"]
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        ["unshare", *root, "-m", "sh", "-c",
         f'mount -t tmpfs -o size={size} small "{folder}" && exec "$@"', "sh", *command],
        env=bench.env | {"FAKE_CONSOLE": STEPS + DONE, "FAKE_FRAMES": str(bench.frames())},
        capture_output=True, text=True, timeout=60, check=False)


def _can_unshare() -> bool:
    root = [] if os.geteuid() == 0 else ["-r"]
    return subprocess.run(["unshare", *root, "-m", "true"], check=False,
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_unshare(), reason="no mount namespace for this user")
@pytest.mark.parametrize(("what", "words"), [
    ("tmp", []), ("results", []), ("cache", ["fetch", "6.1"])])
def test_a_full_disk(bench: Bench, what: str, words: list[str]) -> None:
    """For a guest's files, for results, for kernels: told before, or when it happens."""
    command = [*COMMAND, *words] if words else bench.argv()
    told = _full(bench, bench.top / what, "64k", command)
    assert told.returncode == 3, told.stderr
    assert f"no space left in {bench.top / what}" in told.stderr
    assert "free some" in told.stderr and "Traceback" not in told.stderr


@pytest.mark.skipif(not _can_unshare(), reason="no mount namespace for this user")
def test_a_disk_that_fills_meanwhile(bench: Bench) -> None:
    code = ("import sys; from pathlib import Path; from kernels.initramfs import build\n"
            "from kernels.errors import KernelsError\n"
            "try: build(Path(sys.argv[1]) / 'x', busybox=Path(sys.argv[2]), steps=[], files={})\n"
            "except KernelsError as err: sys.exit(str(err))\n")
    bench.kernel.write_bytes(b"x" * 300_000)
    bench.env["PYTHONPATH"] = str(SCRIPTS)
    for size in ("64k", "400k"):  # the copy does not fit; the archive of it does not
        told = _full(bench, bench.top / "small", size, [
            sys.executable, "-c", code, str(bench.top / "small"), str(bench.kernel)])
        assert told.returncode == 1 and "no space left in" in told.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_under_sudo(bench: Bench) -> None:
    bench.env |= {"SUDO_UID": "1234", "SUDO_GID": "2345"}
    assert bench.run(CONSOLE=STEPS + DONE, FRAMES=str(bench.frames())).returncode == 0
    (folder,) = bench.results()
    for path in (folder, *folder.iterdir()):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345), path
