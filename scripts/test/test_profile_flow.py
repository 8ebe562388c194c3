# SPDX-License-Identifier: MIT
"""plugin_flow.c, compiled alone: which calls a sequence of blocks is taken for."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import SCRIPTS

SOURCE = SCRIPTS / "kernels" / "plugin_flow.c"
OTHER, CALL, RET, JUMP, IRET, STRING = range(6)
PLAIN, FUNCTION, EXCEPTION, SYSCALL, FORKED, DEAD = range(6)
PARENT, CHILD, SERVER, KERNEL = range(4)
K = 0xffffffff81000000
USER = 0x60000000

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="cc is missing: make setup")


class Block(ctypes.Structure):
    _fields_ = [("at", ctypes.c_uint64), ("end", ctypes.c_uint64), ("n", ctypes.c_size_t),
                ("last", ctypes.c_int), ("what", ctypes.c_int)]


class Node(ctypes.Structure):
    _fields_ = [("parent", ctypes.c_uint32), ("at", ctypes.c_uint64)]


class Table(ctypes.Structure):
    _fields_ = [("slots", ctypes.c_void_p), ("size", ctypes.c_size_t), ("used", ctypes.c_size_t)]


class Tree(ctypes.Structure):
    _fields_ = [("known", Table), ("nodes", ctypes.POINTER(Node)), ("n", ctypes.c_uint32),
                ("lost", ctypes.c_uint)]


class Frame(ctypes.Structure):
    _fields_ = [("node", ctypes.c_uint32), ("back", ctypes.c_uint64), ("exception", ctypes.c_bool),
                ("before", ctypes.c_void_p)]


class Task(ctypes.Structure):
    _fields_ = [("key", ctypes.c_uint64), ("role", ctypes.c_int), ("dead", ctypes.c_bool),
                ("depth", ctypes.c_uint), ("frames", Frame * 128)]


class Flow:
    """One task; blocks are kept, because the library keeps pointers to them."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library, self.tree, self.task, self.kept = library, Tree(), Task(), []
        self.task.role = PARENT
        library.tree_plant(ctypes.byref(self.tree))
        self.before: Block | None = None

    def run(self, at: int, last: int = OTHER, what: int = PLAIN, whole: bool = True,
            counting: bool = False) -> list[int]:
        """The task goes on at this block of 4 bytes; the calls that are open then."""
        block = Block(at, at + 4, 1, last, what)
        self.kept.append(block)
        before = ctypes.byref(self.before) if self.before else None
        self.library.task_enter(ctypes.byref(self.tree), ctypes.byref(self.task), before,
                                ctypes.byref(block), counting)
        self.before = block if whole else None
        return self.calls()

    def calls(self) -> list[int]:
        node, found = self.library.task_node(ctypes.byref(self.task)), []
        while node > KERNEL:
            found.append(self.tree.nodes[node].at - K)
            node = self.tree.nodes[node].parent
        assert node == self.task.role
        return found[::-1]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    made = tmp_path_factory.mktemp("flow") / "flow.so"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", made, SOURCE],
                   check=True, timeout=120)
    loaded = ctypes.CDLL(str(made))
    loaded.task_node.restype = ctypes.c_uint32
    return loaded


@pytest.fixture
def flow(library: ctypes.CDLL) -> Iterator[Flow]:
    made = Flow(library)
    assert made.run(USER, last=OTHER) == []
    yield made
    assert made.tree.lost == 0


def test_calls_and_returns(flow: Flow) -> None:
    assert flow.run(K + 0x100, CALL, SYSCALL) == [0x100]
    assert flow.run(K + 0x200, CALL, FUNCTION) == [0x100, 0x200]
    assert flow.run(K + 0x300, RET, FUNCTION) == [0x100, 0x200, 0x300]
    assert flow.run(K + 0x204, JUMP) == [0x100, 0x200]
    assert flow.run(K + 0x240, RET) == [0x100, 0x200], "a jump within it is no call"
    assert flow.run(K + 0x104) == [0x100]
    assert flow.run(USER) == []


def test_recursion_returns_one_at_a_time(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    for depth in range(2, 5):
        assert flow.run(K + 0x200, CALL, FUNCTION) == [0x100] + [0x200] * (depth - 1)
    assert flow.run(K + 0x300, RET, FUNCTION)[-2:] == [0x200, 0x300]
    assert flow.run(K + 0x204, RET) == [0x100, 0x200, 0x200, 0x200]
    assert flow.run(K + 0x204, RET) == [0x100, 0x200, 0x200]


def test_a_tail_call_takes_the_place(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    flow.run(K + 0x200, JUMP, FUNCTION)
    assert flow.run(K + 0x300, RET, FUNCTION) == [0x100, 0x300]
    assert flow.run(K + 0x104) == [0x100]


def test_a_retpoline_calls_what_it_returns_to(flow: Flow) -> None:
    """call thunk; there: call 1f; 1: mov %rax,(%rsp); ret: to where nobody called from."""
    flow.run(K + 0x100, CALL, SYSCALL)
    flow.run(K + 0x800, CALL, FUNCTION)
    flow.run(K + 0x810, RET)
    assert flow.run(K + 0x300, CALL, FUNCTION) == [0x100, 0x800, 0x300]
    assert flow.run(K + 0x400, RET, FUNCTION) == [0x100, 0x800, 0x300, 0x400]
    flow.run(K + 0x304, RET)
    assert flow.run(K + 0x104) == [0x100]


def test_a_fault_within_a_function(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    flow.run(K + 0x200, CALL, FUNCTION, whole=False)  # it faults before its call
    assert flow.run(K + 0x900, CALL, EXCEPTION) == [0x100, 0x200, 0x900]
    assert flow.run(K + 0xa00, RET, FUNCTION) == [0x100, 0x200, 0x900, 0xa00]
    assert flow.run(K + 0x904, IRET) == [0x100, 0x200, 0x900]
    assert flow.run(K + 0x202, CALL) == [0x100, 0x200], "and goes on in its middle"
    assert flow.run(K + 0x300, RET, FUNCTION) == [0x100, 0x200, 0x300]


def test_an_interrupt_between_call_and_callee(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    assert flow.run(K + 0x900, IRET, EXCEPTION) == [0x100, 0x900]
    assert flow.run(K + 0x200, RET, FUNCTION) == [0x100, 0x200], "the call is not lost"


def test_a_return_does_not_leave_an_exception(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    flow.run(K + 0x200, OTHER, FUNCTION)
    flow.run(K + 0x900, RET, EXCEPTION)
    assert flow.run(K + 0x104) == [0x100, 0x200, 0x900]


def test_a_child_begins_with_nothing(flow: Flow) -> None:
    flow.run(K + 0x100, CALL, SYSCALL)
    assert flow.run(K + 0x700, CALL, FORKED, counting=True) == [0x700] and flow.task.role == CHILD
    assert flow.run(K + 0x700, CALL, FORKED) == [0x700] and flow.task.role == KERNEL
    flow.run(K + 0x600, OTHER, DEAD)
    assert flow.task.dead


def test_too_deep_is_counted_as_lost(library: ctypes.CDLL) -> None:
    flow = Flow(library)
    flow.run(K + 0x100, CALL, SYSCALL)
    for i in range(140):
        flow.run(K + 0x1000 + 16 * i, CALL, FUNCTION)
    assert flow.tree.lost == 13 and flow.task.depth == 128


@pytest.mark.parametrize("code, last", [
    ("e800000000", CALL), ("ffd0", CALL), ("41ffd3", CALL), ("ff1500000000", CALL), ("2ee800000000", CALL),
    ("c3", RET), ("f3c3", RET), ("c20800", RET), ("48cf", IRET), ("eb05", JUMP), ("e900000000", JUMP),
    ("0f8400000000", JUMP), ("7405", JUMP), ("ffe0", JUMP), ("41ffe3", JUMP), ("ff2500000000", JUMP),
    ("f3aa", STRING), ("f348ab", STRING), ("f3a4", STRING), ("aa", OTHER), ("a8ff", OTHER),
    ("ffc0", OTHER), ("ff30", OTHER), ("0f05", OTHER), ("90", OTHER), ("4889e5", OTHER)])
def test_instructions(library: ctypes.CDLL, code: str, last: int) -> None:
    raw = bytes.fromhex(code)
    assert library.classify(raw, ctypes.c_size_t(len(raw))) == last
