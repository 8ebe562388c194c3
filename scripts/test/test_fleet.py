# SPDX-License-Identifier: MIT
"""Many machines: two that live in namespaces of this one, and every way in which a host can fail."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SCRIPTS

ROOT = SCRIPTS.parent
BUILD = ROOT / os.environ.get("B", "build")
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
PROGRAMS = ("spawnmark", "sm-host", "libspawnmark.so", "checks.so", "sm-atfork.so", "payloads")
TOOLS = ("ip", "unshare", "nsenter", "setpriv", "ssh", "ssh-keygen", "ssh-keyscan", "git")
NAMES = ("alpha", "beta")
TINY = """[tiny]
kind = latency
strategy = popen
payload = none
blocks = 6
samples = 3
"""
BUSY = ".cache/spawnmark/fleet/busy"
# Each on one of the two machines, but for `gone`.
# What gets one file has no compiler, and needs no other program.
STATIC = "PATH=/nowhere ./spawnmark run startup --only popen/none$ --set blocks=2 --set samples=3 " \
    "--no-report --name={{ inventory_hostname }}"
INVENTORY = """
alpha ansible_host=198.18.1.2
beta ansible_host=198.18.2.2
board ansible_host=198.18.1.2 spawnmark_static=build/static/spawnmark spawnmark_command='{static}'
[failing]
bare ansible_host=198.18.2.2 spawnmark_static=build/static/nothing
gone ansible_host=198.18.3.2
mute ansible_host=198.18.1.2 ansible_python_interpreter=/nowhere/python3
full ansible_host=198.18.2.2 spawnmark_disk_mb=1000000000
broken ansible_host=198.18.1.2 spawnmark_command='echo no compiler >&2; echo make: Error 7; exit 7'
slow ansible_host=198.18.2.2 spawnmark_command='exec sleep 600' spawnmark_seconds=1
busy ansible_host=198.18.2.2
odd ansible_host=198.18.1.2
[failing:vars]
spawnmark_command='build/spawnmark run tiny.ini --no-report --name elsewhere; exit 4'
[all:vars]
spawnmark_command='build/spawnmark run tiny.ini --no-report --name={{ inventory_hostname }}'
"""
# What a machine of its own has for itself: process ids, mounts, /tmp, home, name; it waits for its
# network, which comes from outside. Its files go with it.
MACHINE = """set -e
umask 077
hostname {name}
mount -t tmpfs -o mode=700 tmpfs ~root
mount -t tmpfs tmpfs /run
cp -r {lab} ~root/.lab
mkdir ~root/.ssh /run/sshd
mv ~root/.lab/id.pub ~root/.ssh/authorized_keys
mount -t tmpfs tmpfs /tmp
echo
read _
ip link set lo up
ip address add {address}/30 dev eth0
ip link set eth0 up
exec {sshd}
"""
CONTROLLER = "echo; exec cat"
CONFIG = """HostKey ~root/.lab/key
PidFile none
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
"""


def say(*argv: str | Path, timeout: int = 60, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], env={**os.environ, "MAKEFLAGS": "", **more},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False)


def must(*argv: str | Path) -> str:
    done = say(*argv, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ssh_server(lab: Path) -> str:
    """A key in `lab`, and the command that serves with it where that is ~root/.lab."""
    if server := shutil.which("sshd", path="/usr/sbin:/usr/local/sbin"):
        must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", lab / "key")
        home = os.path.expanduser("~root")
        (lab / "config").write_text(CONFIG.replace("~root", home), encoding="utf-8")
        return f"{server} -D -e -f {home}/.lab/config"
    must("dropbearkey", "-t", "ed25519", "-f", lab / "key")
    return "dropbear -F -E -r ~root/.lab/key -p 22"


class Lab:
    """Two machines and a controller, each in namespaces that end with the process held here."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.processes: list[subprocess.Popen[str]] = []
        self.inside: list[str] = []  # a command that begins so runs on the controller
        self.machines: dict[str, subprocess.Popen[str]] = {}

    def _begin(self, script: str, *namespaces: str) -> subprocess.Popen[str]:
        """Dies with this process, and all that it started with it."""
        log = (self.place / f"log-{len(self.processes)}").open("w", encoding="utf-8")
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid", "--mount", "--mount-proc",
             "--fork", "--kill-child", *namespaces, "sh", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        self.processes.append(process)
        assert process.stdout and process.stdout.readline() == "\n", self.logs()
        return process

    def logs(self) -> str:
        return "\n".join(p.read_text(encoding="utf-8") for p in sorted(self.place.glob("log-*")))

    def begin(self) -> None:
        must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.place / "id")
        here = self._begin(CONTROLLER)
        self.inside = ["nsenter", f"--net=/proc/{here.pid}/ns/net", f"--mount=/proc/{here.pid}/ns/mnt",
                       f"--pid=/proc/{here.pid}/ns/pid_for_children"]
        for number, name in enumerate(NAMES, 1):
            self._machine(here.pid, number, name)
        known = "".join(self._key_of(f"198.18.{n}.2") for n, _ in enumerate(NAMES, 1))
        (self.place / "known_hosts").write_text(known, encoding="utf-8")

    def _machine(self, controller: int, number: int, name: str) -> None:
        lab = self.place / name
        lab.mkdir()
        shutil.copy(self.place / "id.pub", lab)
        there = self._begin(MACHINE.format(name=name, lab=lab, address=f"198.18.{number}.2",
                                           sshd=ssh_server(lab)), "--uts")
        must("ip", "link", "add", f"host{number}", "netns", str(controller), "type", "veth",
             "peer", "name", "eth0", "netns", str(there.pid))
        must(*self.inside, "ip", "address", "add", f"198.18.{number}.1/30", "dev", f"host{number}")
        must(*self.inside, "ip", "link", "set", f"host{number}", "up")
        self.machines[name] = there
        assert there.stdin
        there.stdin.write("\n")
        there.stdin.flush()

    def _key_of(self, address: str) -> str:
        """As soon as it answers."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            found = say(*self.inside, "ssh-keyscan", "-T", "5", "-t", "ed25519", address).stdout
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{address} does not answer: {self.logs()}")

    def fleet(self, checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
        ssh = f"-F none -i {self.place / 'id'} -o UserKnownHostsFile={self.place / 'known_hosts'} " \
              "-o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
        extra = {"spawnmark_extra": [f"build/{name}" for name in PROGRAMS], "spawnmark_poll": 1,
                 "ansible_user": "root", "ansible_ssh_common_args": ssh}
        return say(*self.inside, checkout / "scripts/fleet/run.sh", self.place / "hosts.ini",
                   "-e", json.dumps(extra), *options, timeout=420, HOME=str(self.place),
                   ANSIBLE_CONFIG=str(self.place / "ansible.cfg"))

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.communicate(timeout=20)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What lies here, committed, so that results go elsewhere; with the programs built here."""
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    place = tmp_path_factory.mktemp("fleet")
    made = place / "checkout"
    made.mkdir()
    must(SCRIPTS / "fleet/pack.sh", "worktree", place / "tree.tar")
    must("tar", "-xf", place / "tree.tar", "-C", made)
    shutil.rmtree(made / ".git")
    (made / "tiny.ini").write_text(TINY, encoding="utf-8")
    git = ("git", "-C", made, "-c", "user.name=test", "-c", "user.email=test@localhost")
    must(*git, "init", "-q")
    # What is in one repository need not be written to the other.
    objects = must("git", "-C", ROOT, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    (made / ".git/objects/info/alternates").write_text(objects, encoding="utf-8")
    must(*git, "add", "-A")
    must(*git, "commit", "-q", "-m", "what lies here")
    (made / ".venv").symlink_to(ROOT / ".venv")
    yield made
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("two machines in namespaces need root")
    for tool in (*TOOLS, "ansible-playbook"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing: make setup")
    if not (shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or shutil.which("dropbear")):
        pytest.skip("neither sshd nor dropbear is here: make setup")
    tried = say("unshare", "--net", "--pid", "--mount", "--uts", "--fork", "--mount-proc", "true")
    if tried.returncode != 0:
        pytest.skip(f"no namespaces here: {tried.stderr.strip()}")
    made = Lab(tmp_path_factory.mktemp("lab"))
    (made.place / "hosts.ini").write_text(INVENTORY.replace("{static}", STATIC), encoding="utf-8")
    (made.place / "ansible.cfg").touch()
    try:
        made.begin()
        yield made
    finally:
        made.end()
        shutil.rmtree(made.place)


def told(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The last lines, by host."""
    lines = done.stdout.split("PLAY RECAP")[-1].split("\n\n", 1)[-1].splitlines()
    return dict(line.split(": ", 1) for line in lines if ": " in line)


@pytest.fixture(scope="module")
def measured(lab: Lab, checkout: Path) -> subprocess.CompletedProcess[str]:
    """All hosts in one go; another run is going on at `busy`."""
    if not (BUILD / "spawnmark").exists():
        pytest.skip("build/spawnmark is missing: make")
    must("make", "-C", ROOT, "-j2", "static", f"B={os.path.relpath(BUILD, ROOT)}")
    (checkout / "build/static").mkdir(parents=True)
    (program,) = (BUILD / "static").glob(f"spawnmark-{ARCH}")
    shutil.copy(program, checkout / "build/static/spawnmark")
    for name in PROGRAMS:
        copy = shutil.copytree if (BUILD / name).is_dir() else shutil.copy
        copy(BUILD / name, checkout / "build" / name)
    hold = "cd; mkdir -p {0} && exec flock {0}/.lock sh -c 'echo; cat'".format(BUSY)
    with subprocess.Popen(["nsenter", f"--mount=/proc/{lab.machines['beta'].pid}/ns/mnt", "sh", "-c",
                           hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        done = lab.fleet(checkout)
        other.communicate()
    print(done.stdout, done.stderr)  # which pytest shows where one of the tests fails
    return done


def test_results_of_both_come_back(measured: subprocess.CompletedProcess[str],
                                   checkout: Path) -> None:
    lines = told(measured)
    commit = must("git", "-C", checkout, "rev-parse", "HEAD")[:12]
    for name in NAMES:
        assert re.fullmatch(rf"results/{name}-\S+-\d{{8}}T\d{{6}}Z", lines[name]), measured.stdout
        run = json.loads((checkout / lines[name] / "run.json").read_text(encoding="utf-8"))
        assert run["context"]["host_name"] == name
        assert run["context"]["spawnmark"]["commit"] == commit
        assert not run.get("incomplete")
        assert (checkout / lines[name] / "report.html").exists()
    assert not list((checkout / "results").glob(".*"))


def test_one_file_is_enough(measured: subprocess.CompletedProcess[str], checkout: Path) -> None:
    """The static program, where nothing else is sent or found."""
    folder = checkout / told(measured)["board"]
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert run["context"]["spawnmark"]["environment"]["programs"] == "static"
    assert run["context"]["host_name"] == "board" and (folder / "report.html").exists()
    (case,) = [c for c in run["cases"] if c["strategy"] == "popen"]
    assert case["status"] == "ok"


def test_one_page_names_them(measured: subprocess.CompletedProcess[str], checkout: Path) -> None:
    page = (checkout / told(measured)["side by side"]).read_text(encoding="utf-8")
    for name in (*NAMES, "board", "elsewhere"):
        assert re.search(rf"<th[^>]*>[^<]*\b{name}\b", page), name
    assert "gone" not in page


@pytest.mark.parametrize("host, why", [
    ("gone", "unreachable: ssh: .*198.18.3.2.*unreachable"),
    ("mute", "no /nowhere/python3 of 3.5 or newer on it, .*apt-get install python3.*"),
    ("bare", r"Send the static program: .*build/static/nothing.*"),
    ("full", r"not enough disk: \d+ MB free in \S+/full, 1000000000 MB needed; .*"),
    ("broken", "no results: the command ended with status 7: no compiler"),
    ("slow", "no results: the command was stopped after 1 s: it said nothing"),
    ("busy", r"a run is going on there: .*/fleet/busy\)"),
    ("odd", r"results/odd-elsewhere-\S+, but the command ended with status 4: .*"),
])
def test_who_fails_is_named(measured: subprocess.CompletedProcess[str], host: str,
                            why: str) -> None:
    assert measured.returncode == 1
    assert re.fullmatch(why, told(measured)[host]), told(measured)[host]


def test_all_is_well(measured: subprocess.CompletedProcess[str], lab: Lab, checkout: Path) -> None:
    """Once more where there was a run before, and one host alone: there is nothing to compare."""
    first = told(measured)["beta"]
    done = lab.fleet(checkout, "--limit", "beta")
    assert done.returncode == 0, done.stdout
    assert list(told(done)) == ["beta"]
    assert told(done)["beta"] != first


@pytest.mark.parametrize("inventory, status, line", [
    (None, 2, "which hosts?"),
    ("nowhere.ini", 2, "inventory 'nowhere.ini' cannot be read"),
    ("", 2, "names no host"),
    ("[group\nhost\n", 2, "Expected key=value host variable assignment|Unable to parse|parse"),
])
def test_bad_inventory(inventory: str | None, status: int, line: str, tmp_path: Path) -> None:
    if not shutil.which("ansible-playbook"):
        pytest.skip("ansible-playbook is missing: make setup")
    argument = []
    if inventory is not None:
        argument = [inventory]
        if not inventory.endswith(".ini"):
            argument = [str(tmp_path / "hosts.ini")]
            (tmp_path / "hosts.ini").write_text(inventory, encoding="utf-8")
    done = say(SCRIPTS / "fleet/run.sh", *argument)
    assert (done.returncode, done.stdout) == (status, "")
    assert re.search(line, done.stderr) and done.stderr.count("\n") == 1, done.stderr


def test_without_ansible(tmp_path: Path) -> None:
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "/bin/sh")
    done = say(SCRIPTS / "fleet/run.sh", "a,b", PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "fleet: ansible-playbook is missing: apt-get install ansible-core\n"


def test_the_example_is_an_inventory() -> None:
    if not shutil.which("ansible-playbook"):
        pytest.skip("ansible-playbook is missing: make setup")
    done = say("ansible-playbook", "-i", SCRIPTS / "fleet/example.ini", "--list-hosts",
               SCRIPTS / "fleet/fleet.yml", LC_ALL="C.UTF-8")
    assert done.returncode == 0 and done.stdout.count("hosts (3)") == 3, done.stderr
