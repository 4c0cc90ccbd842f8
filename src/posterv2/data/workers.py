"""The same work on many pictures, on all cores."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

_BLOCK = 512  # pictures handed out at once: a set has 280,000


def spread(work: Callable[[int], Result], count: int) -> Iterator[Result]:
    """`work(0)` to `work(count - 1)`, in this order. Threads do: reading, hashing and decoding leave Python's lock."""
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, count, _BLOCK):
            yield from pool.map(work, range(start, min(start + _BLOCK, count)))
