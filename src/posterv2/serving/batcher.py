"""Faces of many requests through the network together."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from posterv2.inference.classifier import Classifier, probabilities

_Job = tuple[list[np.ndarray], "Future[np.ndarray]"]


class Batcher:
    """Names faces in one thread of its own: what has come while it was at work is the next batch, so nobody waits.

    Args:
        classifier: names them.
        most: faces of one batch; one request's are never parted, and may be more.
        on_batch: is told the size of each.
    """

    def __init__(
        self, classifier: Classifier, most: int = 64, on_batch: Callable[[int], None] = lambda faces: None
    ) -> None:
        self._classifier, self._most, self._on_batch = classifier, most, on_batch
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="batcher", daemon=True)
        self._thread.start()

    def submit(self, faces: list[np.ndarray]) -> "Future[np.ndarray]":
        """The probabilities (N, C) that will be known of N faces, (H, W, 3) uint8 each."""
        future: Future[np.ndarray] = Future()
        self._jobs.put((faces, future))
        return future

    def close(self) -> None:
        """Answer what was submitted, and end."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, faces, last = [job], len(job[0]), False
            while faces < self._most and not last:
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
                last = job is None
                if job is not None:
                    batch.append(job)
                    faces += len(job[0])
            self._answer([job for job in batch if job[1].set_running_or_notify_cancel()])
            if last:
                return

    def _answer(self, batch: list[_Job]) -> None:
        faces = [face for job in batch for face in job[0]]
        try:
            rows = probabilities(self._classifier, faces)
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for job in batch:  # one of them is to blame, and the others do not pay for it
                self._answer([job])
            return
        self._on_batch(len(faces))
        for own, future in batch:
            future.set_result(rows[: len(own)])
            rows = rows[len(own) :]
