"""Ctrl-C and SIGTERM, taken as a wish: the step is finished, the state saved, then the run leaves."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_wished() -> Iterator[Callable[[], bool]]:
    """Within it, whether somebody has asked this process to stop; a second Ctrl-C stops at once."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # where Python lets no one take signals
        yield lambda: False
        return

    def ask(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = [signal.signal(number, ask) for number in _SIGNALS]
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Within it SIGTERM does what Ctrl-C does, outside of `stop_wished`: it raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
