"""Stages of a pipeline that work at the same time, each in a thread of its own."""

import threading
from collections.abc import Generator, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

_T = TypeVar("_T")
_POLL = 0.1  # seconds until a waiting thread looks whether it is still wanted


class _End:
    """What a stage leaves behind when it is done, with the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterable[_T], most: int) -> Generator[_T, None, None]:
    """The items in their order, made in a thread that runs at most `most` items ahead of who takes them.

    An error there is raised here, after the items before it. When this generator is closed, the thread ends, and an
    `items` that is a generator is closed in it.
    """
    queue: Queue[_T | _End] = Queue(most)
    closed = threading.Event()

    def put(item: _T | _End) -> bool:
        while not closed.is_set():
            try:
                queue.put(item, timeout=_POLL)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        iterator = iter(items)
        end = _End()
        try:
            while (item := next(iterator, end)) is not end:
                if not put(item):
                    break
        except BaseException as error:
            end.error = error
        finally:
            _close(iterator)
        put(end)

    thread = threading.Thread(target=work, name=f"ahead of {most}", daemon=True)
    thread.start()
    try:
        while True:
            try:
                item = queue.get(timeout=_POLL)
            except Empty:
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        closed.set()
        _join(thread)


def _join(thread: threading.Thread) -> None:
    """Wait for its end, through Ctrl-C too: Python does not outlive well a thread that works in C."""
    interrupted = None
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


def _close(iterator: Iterator[object]) -> None:
    if isinstance(iterator, Generator):
        iterator.close()
