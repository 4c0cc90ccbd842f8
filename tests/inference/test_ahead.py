"""Stages in threads: the same items in the same order, errors in their place, nothing left running."""

import threading
import time
from collections.abc import Iterator

import pytest

from posterv2.inference.ahead import ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_items_keep_their_order_through_two_stages() -> None:
    doubled = (2 * item for item in ahead(range(1000), 3))
    assert list(ahead(doubled, 5)) == list(range(0, 2000, 2))
    assert not threads()


def test_it_runs_ahead_and_no_further() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    stage = ahead(items(), 4)
    assert next(stage) == 0
    deadline = time.monotonic() + 10
    while len(made) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 6  # one taken, four waiting, one in hand
    stage.close()
    assert not threads()


def test_an_error_comes_after_what_went_before() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("the third")

    stage = ahead(items(), 10)
    assert [next(stage), next(stage)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(stage)
    assert not threads()


def test_closing_closes_the_source_in_its_thread() -> None:
    closed: list[str] = []

    def items() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    stage = ahead(items(), 2)
    next(stage)
    stage.close()
    assert closed == ["ahead of 2"]
    assert not threads()


def test_ctrl_c_while_a_stage_ends_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not lost."""
    slow = threading.Event()
    joins: list[int] = []
    join = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        joins.append(1)
        if len(joins) == 1:
            slow.set()
            raise KeyboardInterrupt
        join(thread, timeout)

    def items() -> Iterator[int]:
        yield 1
        slow.wait(30)
        yield 2

    stage = ahead(items(), 1)
    assert next(stage) == 1
    before = threading.active_count()
    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stage.close()
    assert threading.active_count() == before - 1
