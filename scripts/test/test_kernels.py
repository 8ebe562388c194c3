# SPDX-License-Identifier: MIT
"""kernels.py without a guest: what is read, chosen and judged."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from conftest import SCRIPTS

import kernel_parts as parts
from kernels import campaign, errors, image, initramfs, options, outcome, plan, prove, qemu
from kernels.apt import Apt
from kernels.errors import UNABLE, USAGE, KernelsError
from kernels.fetch import Cache, Wanted, newest, parse, unpack
from kernels.frames import Frames
from kernels.progress import FIRST_GUESS_S, Durations, Job, Progress

NAMES = ("linux-image-6.1.0-9-amd64", "linux-image-6.1.0-56-amd64", "linux-image-6.1.0-56-amd64-unsigned",
         "linux-image-6.1.0-57-amd64-unsigned", "linux-image-6.1.0-56-rt-amd64",
         "linux-image-6.1.0-56-cloud-amd64", "linux-image-6.1.0-60-amd64-dbg",
         "linux-image-6.12.9+bpo-amd64", "linux-image-6.12.117+deb12-amd64",
         "linux-image-6.12.117+deb12-rt-amd64", "linux-image-6.12-amd64",
         "linux-image-6.12.117+deb12-arm64", "linux-image-6.12.117+deb12-arm64-16k")


@pytest.mark.parametrize(("word", "name"), [
    ("6.1", "linux-image-6.1.0-57-amd64-unsigned"), ("6.1-rt", "linux-image-6.1.0-56-rt-amd64"),
    ("6.1-cloud", "linux-image-6.1.0-56-cloud-amd64"),
    ("6.12", "linux-image-6.12.117+deb12-amd64"), ("6.12.9", "linux-image-6.12.9+bpo-amd64"),
    ("6.12-rt", "linux-image-6.12.117+deb12-rt-amd64"),
    ("arm64:6.12", "linux-image-6.12.117+deb12-arm64"),
    ("arm64:6.12-16k", "linux-image-6.12.117+deb12-arm64-16k"), ("6.2", None)])
def test_newest_of_a_series(word: str, name: str | None) -> None:
    """By number; 6.1 is not 6.12; no debug symbols, no meta-package."""
    assert newest([n for n in NAMES if re.fullmatch(parse(word).pattern, n)]) == name


def test_signed_comes_before_unsigned() -> None:
    assert newest(list(NAMES[1:3])) == newest(list(NAMES[2:0:-1])) == NAMES[1]


@pytest.mark.parametrize("word", ["", "6", "six", "6.1-lt", "mips:6.1", "6.1;rm", "arm64:"])
def test_a_word_that_is_none(word: str) -> None:
    with pytest.raises(KernelsError, match=f"'{re.escape(word)}' is no kernel") as err:
        parse(word)
    assert err.value.code == USAGE


def test_images(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    path.write_bytes(parts.bzimage())
    assert image.inspect(path) == ("amd64", "6.99.1-test")
    path.write_bytes(parts.bzimage(protocol=0x20B, flags=0))  # which does not tell
    assert image.inspect(path) == ("amd64", "6.99.1-test")
    path.write_bytes(parts.arm64_image())
    assert image.inspect(path) == ("arm64", "6.99.1-arm")
    path.write_bytes(gzip.compress(parts.arm64_image()))
    assert image.inspect(path) == ("arm64", "6.99.1-arm")


@pytest.mark.parametrize(("data", "says"), [
    (parts.bzimage()[:-1], "truncated: 10751 bytes of at least 10752"),
    (parts.arm64_image()[:-1], "truncated: 8191 bytes of at least 8192"),
    (gzip.compress(parts.arm64_image())[:-20], "its gzip stream has no end"),
    (b"\x1f\x8b" + b"x" * 100, "damaged gzip file"),
    (b"\x7fELF" + b"\0" * 8000, "an ELF file (vmlinux): give arch/x86/boot/bzImage"),
    (parts.arm64_image(earlier=512)[:-1], "truncated: 8191 bytes of at least 8192"),
    (gzip.compress(parts.bzimage()), "is neither a bzImage"),
    (parts.bzimage(flags=0x0C), "is a kernel of 32 bits"),
    (b"MZ\0\0zimg" + b"\0" * 8000, "an EFI zboot image"), (b"", "0 bytes of something else")])
def test_an_image_that_cannot_be_booted(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(data)
    with pytest.raises(KernelsError, match=re.escape(says)) as err:
        image.own(path)
    assert err.value.code == USAGE


def test_the_config_of_an_own_kernel(tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    boot = tree / "arch" / "x86" / "boot"
    boot.mkdir(parents=True)
    (boot / "bzImage").write_bytes(parts.bzimage())
    assert image.own(boot / "bzImage").config is None
    (tree / ".config").write_text("CONFIG_TTY=y\n")
    assert image.own(boot / "bzImage").config is None, "it may be another program's"
    (tree / "Kconfig").write_text("")
    assert image.own(boot / "bzImage").config == tree / ".config"
    installed = tmp_path / "vmlinuz-6.99"
    installed.write_bytes(parts.bzimage())
    (tmp_path / "config-6.99").write_text("CONFIG_TTY=y\n")
    assert image.own(installed).config == tmp_path / "config-6.99"


def config_text(arch: str, but: str = "") -> str:
    names = [name for name, _ in (*options.NEEDED, *options.BY_ARCH[arch]) if name != but]
    return "".join(f"CONFIG_{name}=y\n" for name in names)


@pytest.mark.parametrize("arch", image.ARCHES)
def test_what_a_kernel_must_have(arch: str, tmp_path: Path) -> None:
    config = tmp_path / "config"
    kernel = image.Kernel(arch, tmp_path / "vmlinuz", "6.99", config)
    config.write_text(config_text(arch))
    options.check(kernel)
    config.write_text(config_text(arch, "DEVTMPFS") + "CONFIG_DEVTMPFS=m\n# CONFIG_TTY is not set\n")
    with pytest.raises(KernelsError, match=r"lacks CONFIG_DEVTMPFS=y \(device files\); build it "
                                           "with scripts/config -e DEVTMPFS") as err:
        options.check(kernel)
    assert err.value.code == UNABLE
    packed = tmp_path / "config.gz"
    packed.write_bytes(gzip.compress(config_text(arch).encode()))
    options.check(image.Kernel(arch, tmp_path / "vmlinuz", "6.99", packed))
    options.check(image.Kernel(arch, tmp_path / "vmlinuz", "6.99", None))  # its console will tell


def test_frames_arrive_in_pieces(tmp_path: Path) -> None:
    first, second = parts.archive({"a": b"1"}), parts.archive({"a": b"2", "b": b"x" * 9000})
    data = parts.frame("one", first) + parts.frame("two", second)
    for size in (1, 7, 4096, len(data)):
        frames = Frames()
        for at in range(0, len(data), size):
            frames.feed(data[at:at + size])
        assert (frames.names, frames.damaged, frames.partial) == (["one", "two"], None, False)
        assert frames.unpack(tmp_path / "out")
        assert (tmp_path / "out" / "a").read_bytes() == b"2"
    cut = Frames()
    cut.feed(data[:-1])
    assert cut.names == ["one"] and cut.partial


def test_damaged_frames(tmp_path: Path) -> None:
    body = parts.archive({"a": b"1"})
    wrong, noise, nothing = Frames(), Frames(), Frames()
    wrong.feed(parts.frame("one", body, "0" * 64))
    assert wrong.damaged and not wrong.names and not wrong.unpack(tmp_path / "out")
    noise.feed(b"login: \n")
    assert noise.damaged and not nothing.damaged and not nothing.unpack(tmp_path / "out")
    for data in (b"x" * 300, b"@spawnmark frame one 999999999 " + b"0" * 64 + b"\n"):
        wild = Frames()
        wild.feed(data)
        assert wild.damaged, data
    for name in ("../../outside", f"{tmp_path}/outside"):
        outside = Frames()
        outside.feed(parts.frame("one", parts.archive({name: b"1"}, dot="")))
        with pytest.raises(tarfile.TarError):
            outside.unpack(tmp_path / "out")
    assert not (tmp_path / "outside").exists()


def test_what_is_taken_out_of_a_frame(tmp_path: Path) -> None:
    """Plain files alone; what an older one brought makes way."""
    for data in (b"1", b"2"):
        frames = Frames()
        frames.feed(parts.frame("one", parts.archive({"sub/a": data}, links={"link": "/etc/passwd"})))
        assert frames.unpack(tmp_path / "out")
        assert (tmp_path / "out" / "sub" / "a").read_bytes() == data
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["sub"]


UP = "@spawnmark up 6.99 1.0\n"
NO_ROOT = "[ 0.1] Kernel command line: console=ttyS0 {}\n[ 0.2] Kernel panic - not syncing: VFS: " \
    "Unable to mount root fs on unknown-block(0,0)\n"


@pytest.mark.parametrize(("console", "limit", "status", "expected", "says"), [
    (UP + "@spawnmark done 3.0\n", None, 0, outcome.OK, "done"),
    (UP + "@spawnmark done 3.0\n", None, 1, outcome.DEAD, "QEMU ended early: no such machine"),
    (UP + "[ 1.2] Kernel panic - not syncing: Fatal exception\n", None, 0, outcome.PANIC,
     "the kernel panicked: Fatal exception"),
    ("[ 1.2] BUG: unable to handle page fault\n", outcome.HANG, None, outcome.PANIC, "BUG: unable"),
    ("[ 1.2] Linux version\n", outcome.HANG, None, outcome.HANG, "did not come to its init"),
    ("", outcome.HANG, None, outcome.SILENT, "CONFIG_SERIAL_8250_CONSOLE"),
    (UP + "@spawnmark step run 2.0\n", outcome.TIMEOUT, None, outcome.TIMEOUT, "in step run"),
    ("@spawnmark lacks CONFIG_DEVTMPFS (device files)\n", None, 0, outcome.LACKS,
     "lacks CONFIG_DEVTMPFS (device files)"),
    (NO_ROOT.format("rdinit=/init rdinit=/none"), None, 0, outcome.PANIC, "(rdinit=/none of its command"),
    (NO_ROOT.format("rdinit=/none rdinit=/init"), None, 0, outcome.LACKS, "CONFIG_BLK_DEV_INITRD"),
    (NO_ROOT.format("quiet"), None, 0, outcome.LACKS, "CONFIG_BLK_DEV_INITRD"),
    ("[ 1.2] Initramfs unpacking failed: invalid magic at start of compressed archive\n" + UP
     + "@spawnmark done 3.0\n", None, 0, outcome.DAMAGED, "initramfs: invalid magic at start"),
    ("", None, 1, outcome.DEAD, "QEMU ended early: no such machine"),
    (UP, None, 0, outcome.DEAD, "the guest switched itself off in the middle"),
    ("", None, 0, outcome.DEAD, "without a word: has it enough --memory?")])
def test_outcomes(console: str, limit: str | None, status: int | None, expected: str,
                  says: str) -> None:
    name, detail = outcome.judge(console, ended=status is not None, status=status, limit=limit,
                                 said="q: warning: x\nno such machine\nUse help\n" if status else "")
    assert name == expected and says in detail


def test_a_console_for_humans() -> None:
    console = "".join(f"[    {i}.000000][    T1] line {i}\n\n" for i in range(30))
    assert outcome.last_lines(console, 2) == ["line 28", "line 29"]
    assert outcome.clean("a\r\nb\r\n") == "a\nb\n"


def test_initramfs_repeats_and_takes_additions(tmp_path: Path) -> None:
    busybox, program, add = tmp_path / "busybox", tmp_path / "program", tmp_path / "add"
    busybox.write_bytes(b"b" * 100)
    program.write_bytes(b"p" * 100)
    (add / "etc").mkdir(parents=True)
    (add / "etc" / "group").write_text("mine\n")
    (add / "bin").mkdir()
    (add / "bin" / "link").symlink_to("busybox")
    (add / "bin" / "sh").write_bytes(b"mine")  # in place of a link of ours, not of what that names
    (add / "etc" / "passwd").symlink_to("group")
    step = initramfs.Step("run", "/bin/spawnmark run kernels >/out/log")
    made = [initramfs.build(tmp_path / name, busybox=busybox, steps=[step], add=given,
                            files={"bin/spawnmark": program}).read_bytes()
            for name, given in (("a", None), ("b", None), ("c", add))]
    assert made[0] == made[1] != made[2]
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["cpio", "-id", "--quiet"], cwd=out, input=made[2], check=True)
    assert (out / "bin" / "spawnmark").read_bytes() == b"p" * 100
    assert (out / "etc" / "group").read_text() == "mine\n"
    assert (out / "bin" / "link").readlink() == Path("busybox")
    assert (out / "etc" / "spawnmark" / "steps").read_text() == f"run\t{step.command}\n"
    assert (out / "init").stat().st_mode & 0o111
    listed = subprocess.run(["cpio", "-t", "--quiet"], input=made[2], capture_output=True, check=True)
    names = listed.stdout.decode().splitlines()
    assert [p.split("/") for p in names] == sorted(p.split("/") for p in names)
    subprocess.run(["cpio", "-idmu", "--quiet"], cwd=out, input=made[2], check=True)
    plain = [out / name for name in names if (out / name).is_file() and not (out / name).is_symlink()]
    assert {path.stat().st_mtime for path in plain} == {0}
    assert (out / "bin" / "sh").read_bytes() == b"mine"
    assert (out / "bin" / "busybox").read_bytes() == b"b" * 100
    assert (out / "etc" / "passwd").readlink() == Path("group")
    with pytest.raises(ValueError):
        initramfs.Step("run", "two\nlines")


def test_an_initramfs_is_added(tmp_path: Path) -> None:
    """After ours, so that the kernel unpacks it last; what no kernel unpacks is refused."""
    busybox, more = tmp_path / "busybox", tmp_path / "more"
    busybox.write_bytes(b"b" * 100)
    plain = initramfs.build(tmp_path / "a", busybox=busybox, steps=[], files={}).read_bytes()
    for packed in (plain, gzip.compress(plain)):
        more.write_bytes(packed)
        whole = initramfs.build(tmp_path / "b", busybox=busybox, steps=[], files={}, add=more)
        assert whole.read_bytes() == plain + packed and len(plain) % 4 == 0
    for path, says in ((busybox, "is neither a folder nor an initramfs"),
                       (tmp_path / "none", "No such file or directory")):
        with pytest.raises(KernelsError, match=f"INITRAMFS_ADD={path}:? {says}") as err:
            initramfs.build(tmp_path / "c", busybox=busybox, steps=[], files={}, add=path)
        assert err.value.code == USAGE


def test_an_added_folder_that_cannot_be_copied(tmp_path: Path) -> None:
    busybox, add = tmp_path / "busybox", tmp_path / "add"
    busybox.write_bytes(b"b" * 100)
    (add / "bin" / "busybox").mkdir(parents=True)
    with pytest.raises(KernelsError, match=f"INITRAMFS_ADD={add}: cp: cannot overwrite") as err:
        initramfs.build(tmp_path / "c", busybox=busybox, steps=[], files={}, add=add)
    assert err.value.code == USAGE


def test_a_program_that_no_guest_can_run(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("#!/bin/sh\n")
    here = qemu.HOST_ARCH or "amd64"
    other = "arm64" if here == "amd64" else "amd64"
    for path, arch, says in ((text, "amd64", "is no program for amd64"),
                             (tmp_path / "none", "amd64", "No such file"),
                             (Path(shutil.which("true") or ""), here, "is not static"),
                             (Path(shutil.which("true") or ""), other, f"no program for {other}")):
        with pytest.raises(KernelsError, match=f"{says}.*: run 'make static"):
            initramfs.check_program(path, arch)


def test_plan() -> None:
    whole = plan.Plan(only="/none$", settings=("blocks=1",), quick=True)
    first, probe, conform = whole.steps("qemu-amd64", qemu.ICOUNT)
    assert first.command == ("/bin/spawnmark run kernels --clock icount --name qemu-amd64 --no-report "
                             "-o /out --quick --only '/none$' --set blocks=1 >/out/run.log")
    assert (probe.name, conform.name) == ("probe", "conform")
    assert "--clock time" in whole.steps("x", qemu.KVM)[0].command
    assert [s.name for s in plan.Plan(conform=False, probe=False).steps("x", qemu.ICOUNT)] == ["run"]
    part = plan.Plan(conform_only="^exit[.]").steps("x", qemu.ICOUNT)[-1].command
    assert part == ("/bin/spawnmark conform --json /out/conformance.json --only '^exit[.]' "
                    ">/out/conformance.ktap")
    kernel = image.Kernel("arm64", Path("/x"), "6.99")
    assert plan.machine_name(kernel, qemu.ICOUNT, "", None) == "qemu-arm64"
    assert plan.machine_name(kernel, qemu.KVM, "a=b c/d", None) == "kvm-arm64-a=b-c_d"
    assert plan.machine_name(kernel, qemu.KVM, "", "mine") == "mine"
    long = [plan.machine_name(kernel, qemu.ICOUNT, "x" * 300 + end, None) for end in "ab"]
    assert long[0] != long[1] and {len(name) for name in long} == {64}  # a host name's most


def test_machine() -> None:
    """Whatever is the user's comes last on the kernel's command line, where it wins."""
    argv = qemu.command("q", "arm64", kernel=Path("/k"), initramfs=Path("/i"), cmdline="nokaslr=no x",
                        memory_mb=64, accel=qemu.ICOUNT, result="/dev/fd/9", host="h",
                        extra=["-plugin", "p"])
    line = argv[argv.index("-append") + 1]
    assert line.startswith("console=ttyAMA0 ") and line.endswith(" nokaslr=no x")
    assert "spawnmark.port=ttyS0" in line and argv[-2:] == ["-plugin", "p"]
    assert argv[argv.index("-icount") + 1] == "shift=0,sleep=off"
    for option, value in (("-nic", "none"), ("-seed", "1"), ("-smp", "1"), ("-cpu", "cortex-a76"),
                          ("-rtc", f"base={qemu.EPOCH},clock=vm")):
        assert argv[argv.index(option) + 1] == value, "nothing differs from boot to boot"
    timed = qemu.command("q", "amd64", kernel=Path("/k"), initramfs=Path("/i"), cmdline="", memory_mb=64,
                         accel=qemu.KVM, result="/dev/fd/9", host="h", extra=[])
    assert timed[timed.index("-cpu") + 1] == "host" and "-icount" not in timed


def test_no_kvm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A device that is there proves nothing: a guest must run."""
    fake = tmp_path / "qemu"
    for body, says in (("echo 'kvm: cannot run' >&2; exit 1", "kvm: cannot run"),
                       ("exec sleep 100", "did not end in 0 s"), ("exit 3", None)):
        fake.write_text(f"#!/bin/sh\n{body}\n")
        fake.chmod(0o755)
        told = qemu.runs(str(fake), "amd64", qemu.KVM, 0.3)
        assert says in told if says and told else told == says
    monkeypatch.setattr(qemu, "HOST_ARCH", "amd64")
    monkeypatch.setattr(qemu.os, "access", lambda *_: False)
    for arch, says in (("arm64", "this machine is no arm64"), ("amd64", "/dev/kvm")):
        qemu.why_no_kvm.cache_clear()
        assert says in (qemu.why_no_kvm(str(fake), arch) or "")
    qemu.why_no_kvm.cache_clear()


@pytest.mark.parametrize(("text", "says"), [
    ("#!/bin/sh\necho hello\n", "it says: hello"), ("#!/bin/sh\nexit 1\n", "it says: nothing"),
    ("no program\n", "it says: Exec format error"),
    ("#!/bin/sh\nexec sleep 100\n", "it says: nothing within 0.3 s")])
def test_a_qemu_that_is_none(text: str, says: str, tmp_path: Path,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qemu, "PROBE_SECONDS", 0.3)
    own = tmp_path / "qemu"
    own.write_text(text)
    own.chmod(0o755)
    with pytest.raises(KernelsError, match=f"QEMU={own} is no QEMU: .*{says}") as err:
        qemu.version(str(own))
    assert err.value.code == USAGE


def test_a_cache_of_whom_there_is_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("KERNEL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(KernelsError, match="name a place with KERNEL_CACHE=DIR") as err:
        Cache()
    assert err.value.code == USAGE


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    with pytest.raises(KernelsError, match="TMPDIR=DIR") as err:
        errors.temporary()
    assert err.value.code == UNABLE


def test_why_the_program_cannot_be_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The compiler's word, and not make's after it."""
    for said, why in (("x.c:1:1: warning: a\nx.c:2:2: error: b\nmake: *** [x] Error 1\n",
                       "x.c:2:2: error: b"),
                      ("cannot create x\nmake: *** [x] Error 1\n", "cannot create x"),
                      ("make: no rule\n", "make: no rule"), ("", "no word of it")):
        failed = subprocess.CompletedProcess([], 2, "", said)
        monkeypatch.setattr(campaign.subprocess, "run", lambda *_, failed=failed, **__: failed)
        with pytest.raises(KernelsError, match=f"make static ARCH=amd64 failed: {re.escape(why)}$"):
            campaign.program("amd64", campaign.Settings(plan.Plan(), programs=tmp_path))


def test_apt_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBIAN_MIRROR", "http://mirror.example/")
    apt = Apt("arm64", tmp_path)
    apt._make()
    text = (tmp_path / "apt-arm64" / "apt.conf").read_text()
    for setting in ("Dir::State", "Dir::Cache", "Dir::Etc::sourcelist"):
        assert f'{setting} "{tmp_path}/apt-arm64' in text
    assert 'APT::Architecture "arm64"' in text and "Post-Invoke" not in text
    sources = (tmp_path / "apt-arm64" / "sources.list").read_text()
    assert len(sources.splitlines()) == sources.count("[signed-by=/usr/share/keyrings/") == 3
    assert "http://mirror.example/debian-security bookworm-security main" in sources


def test_what_apt_says_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt = Apt("amd64", tmp_path)
    for said, why in (("W: old\nE: Failed to fetch x  no route\nE: more\n", "Failed to fetch x  no route"),
                      ("E: You don't have enough free space in /x.\n", "no space left in .*KERNEL_CACHE"),
                      ("odd\n", "odd"), ("", "no word of it")):
        monkeypatch.setenv("SAID", said)
        with pytest.raises(KernelsError, match=why) as err:
            apt._run("sh", "-c", 'printf "%s" "$SAID" >&2; exit 100')
        assert err.value.code == UNABLE and "\n" not in str(err.value)
    monkeypatch.setattr("kernels.apt.SECONDS", 0.2)
    with pytest.raises(KernelsError, match="took more than 0.2 s: check the network"):
        apt._run("sleep", "60")


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb is missing")
def test_a_package_is_unpacked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that are needed alone; the second time, nobody is asked."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: linux-image-6.99.1-amd64\nVersion: 1\nArchitecture: amd64\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: none\n")
    (tree / "boot").mkdir()
    (tree / "boot" / "vmlinuz-6.99.1-test").write_bytes(parts.bzimage())
    (tree / "boot" / "config-6.99.1-test").write_text(config_text("amd64"))
    (tree / "bin").mkdir()
    (tree / "bin" / "busybox").write_bytes(b"b")
    (tree / "bin" / "busybox").chmod(0o755)
    (tree / "lib" / "modules").mkdir(parents=True)
    (tree / "lib" / "modules" / "large").write_bytes(b"m" * 1000)
    deb = tmp_path / "linux-image-6.99.1-amd64_1_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True,
                   capture_output=True)
    asked = []
    monkeypatch.setattr(Apt, "update", lambda self: asked.append(self.arch))
    monkeypatch.setattr(Apt, "_run", lambda self, *argv, folder=None: {
        "pkgnames": "linux-image-6.99.1-amd64\n", "show": f"Version: 1\nSize: {deb.stat().st_size}\n",
    }.get(argv[1]) or shutil.copy(deb, folder))
    wanted, said = Wanted("amd64", "6.99", None), []
    cache = Cache(tmp_path / "cache", said.append)
    assert not cache.has_kernel(wanted)
    left = tmp_path / "cache" / "amd64" / ".fetch-old"
    left.mkdir(parents=True)
    (left / "half.deb").write_bytes(b"x")
    kernel = cache.kernel(wanted)
    assert (kernel.release, kernel.package, kernel.label) == (
        "6.99.1-test", "linux-image-6.99.1-amd64 1", "6.99")
    options.check(kernel)
    kept = {p.name for p in kernel.path.resolve().parent.iterdir()}
    assert kept == {"vmlinuz", "config", "package.json"}
    assert asked == ["amd64"] and len(said) == 2 and cache.has_kernel(wanted)
    assert not left.exists(), "what a killed one left"
    lock = tmp_path / "cache" / ".lock"
    lock.unlink()
    assert Cache(tmp_path / "cache").kernel(wanted) == kernel and asked == ["amd64"]
    assert not lock.exists(), "what is read alone may be somebody else's"
    assert Cache(tmp_path / "cache", refresh=True).kernel(wanted) == kernel
    assert asked == ["amd64", "amd64"]
    unpack(deb, {"busybox": re.compile(r"(?:\./)?bin/busybox")}, tmp_path / "box")
    assert (tmp_path / "box" / "busybox").stat().st_mode & 0o777 == 0o755
    assert kernel.path.stat().st_mode & 0o777 == 0o644
    kernel.path.resolve().write_bytes(parts.arm64_image())
    with pytest.raises(KernelsError, match="holds a kernel for arm64: remove it"):
        Cache(tmp_path / "cache").kernel(wanted)
    with pytest.raises(KernelsError, match="has no kernel 6.98 for amd64"):
        cache.kernel(parse("6.98"))
    with pytest.raises(KernelsError, match="has no initrd"):
        unpack(deb, {"initrd": re.compile("boot/initrd.*")}, tmp_path / "x")
    deb.write_bytes(deb.read_bytes()[:300])
    with pytest.raises(KernelsError, match="damaged|has no vmlinuz"):
        unpack(deb, {"vmlinuz": re.compile(r"\./boot/vmlinuz.*")}, tmp_path / "y")


def test_estimates(tmp_path: Path) -> None:
    known = Durations(tmp_path / "durations.json")
    assert known.guess("amd64") == FIRST_GUESS_S
    known.learn("amd64", 61.23)
    assert Durations(tmp_path / "durations.json").guess("amd64") == 61.2
    (tmp_path / "durations.json").write_text("[")
    assert Durations(tmp_path / "durations.json").guess("amd64") == FIRST_GUESS_S
    jobs = [Job("a", 100.0, done=True), Job("b", 60.0, began=time.monotonic() - 20), Job("c", 60.0)]
    progress = Progress(jobs, 2)
    assert "about 60 s left" in progress._left()
    assert progress._state().startswith("1 of 3 done; b: ")
    assert "about 2 min left" in Progress(jobs, 1)._left(), "one after the other"
    late = Progress([Job("d", 60.0, began=time.monotonic() - 300)], 1)
    assert late._left() == ", about 5 s left", "longer than the last time"
    jobs[1].done = jobs[2].done = True
    assert progress._left() == ""


def boot_of(factor: float = 1.0) -> prove.Medians:
    return {("kernels/zygote3/none", "ready"): 70_000 * factor,
            ("kernels/popen/none", "ready"): 300_000 * factor}


def test_proof() -> None:
    """A claim is met, or it is not: by a spread, by load, by a plant that is lost or too large."""
    quiet = [boot_of(), boot_of(1.001), boot_of(1.002)]
    assert prove.repeats(quiet).met and not prove.repeats([*quiet, boot_of(1.006)]).met
    assert prove.load_changes_nothing(quiet, [boot_of(1.003)]).met
    assert not prove.load_changes_nothing(quiet, [boot_of(0.99)]).met
    assert prove.load_changes_nothing(quiet, None).met is None
    assert prove.plant_of(quiet) == 700
    plain = [30_000.0, 30_006.0, 30_001.0]
    for more, met in ((700, True), (710, True), (0, False), (350, False), (680, False),
                      (720, False), (-700, False)):
        planted = [value + more for value in plain]
        assert prove.plant_is_found(plain, planted, 700).met is met, more
    one_off = [30_700.0, 30_706.0, 30_600.0]  # each of the boots finds it
    assert not prove.plant_is_found(plain, one_off, 700).met
    wide = [30_000.0, 31_000.0, 30_001.0]
    late = [value + 700 for value in wide]
    assert not prove.plant_is_found(wide, late, 700).met  # within what phases differ by
    with pytest.raises(KernelsError, match="no figure in common"):
        prove.repeats([boot_of(), {}])


def test_the_childs_path_is_a_median_of_what_counts(tmp_path: Path) -> None:
    """A leap of the clock in one spawn, a warm-up, a child that was never ready: none of them moves it."""
    rows = [(0, 5_000, 15_007), (0, 90_000, 100_000), (0, 5_000, 15_002), (0, 5_000, 4_015_000),
            (0, 7_000, 17_007), (1, 1, 2), (2, 1, 2), (0, 0, 9), (0, 9, 0)]
    fields = [["case", "<u4"], ["flags", "<u4"], ["entered_ns", "<i8"], ["ready_ns", "<i8"]]
    head = {"format": "spawnmark-samples/1", "rows": len(rows), "fields": fields,
            "cases": ["kernels/zygote3/none/spin=10"]}
    with gzip.open(tmp_path / "samples.bin.gz", "wb") as file:
        file.write(json.dumps(head).encode() + b"\n")
        file.writelines(struct.pack("<IIqq", 0, *row) for row in rows)
    assert prove.child_path(tmp_path, 10) == 10_007
    with pytest.raises(KernelsError, match="has no case kernels/zygote3/none/spin=11"):
        prove.child_path(tmp_path, 11)


def test_a_missing_library_is_told_in_one_line() -> None:
    """Boots need Python alone; the proof reads every spawn, as reports do."""
    ran = subprocess.run([sys.executable, "-S", SCRIPTS / "kernels.py", "prove"], capture_output=True,
                         text=True, timeout=60, check=False)
    assert ran.returncode == UNABLE and ran.stdout == "" and ran.stderr.count("\n") == 1
    assert "jsonschema, which .venv/bin/python has: PROFILE=kernels make setup" in ran.stderr


def test_a_step_is_told_when_its_word_is_whole() -> None:
    """The console comes in pieces."""
    assert outcome.step(UP + "@spawnmark step run 2.0\n@spawnmark step con") == "run"
    assert outcome.step(UP + "@spawnmark step run 2.0\n@spawnmark step conform 3.0") == "conform"
