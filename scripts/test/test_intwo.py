# SPDX-License-Identifier: MIT
"""Work that is shared with a fork: all of it is done once, whatever becomes of the fork."""

from __future__ import annotations

import os
import signal

import pytest

import intwo
from intwo import in_two


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def no_child() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.mark.parametrize("n", [0, 1, 2, 3, 40, 256, 257])
def test_all_in_order(n: int) -> None:
    assert in_two(lambda i: i * i, n) == [i * i for i in range(n)]
    assert no_child()


def test_both_work() -> None:
    """Each waits for the other: one process alone would never end."""
    here, there = os.pipe(), os.pipe()
    me = os.getpid()

    def meet(i: int) -> int:
        mine, theirs = (here, there) if os.getpid() == me else (there, here)
        os.write(theirs[1], b"x")
        assert os.read(mine[0], 1) == b"x"
        return os.getpid()

    assert len(set(in_two(meet, 2))) == 2


def test_a_fork_that_dies_costs_nothing_but_time() -> None:
    me = os.getpid()

    def die(i: int) -> int:
        if os.getpid() != me:
            os.kill(os.getpid(), signal.SIGKILL)
        return i

    assert in_two(die, 20) == list(range(20))
    assert no_child()


def test_an_error_is_told_by_the_parent() -> None:
    def fail(i: int) -> int:
        if i == 3:
            raise ValueError("the third")
        return i

    with pytest.raises(ValueError, match="the third"):
        in_two(fail, 6)
    assert no_child()


def test_without_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError

    monkeypatch.setattr(intwo.os, "fork", refused)
    assert in_two(lambda i: i, 5) == [0, 1, 2, 3, 4]


def test_more_than_a_pipe_holds() -> None:
    assert in_two(lambda i: bytes([i]) * 300_000, 8) == [bytes([i]) * 300_000 for i in range(8)]
