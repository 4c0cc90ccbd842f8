"""From the bytes of a picture to its result, for many requests at once and within limits."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from starlette.concurrency import run_in_threadpool

from posterv2.errors import ImageError, ImageSizeError
from posterv2.inference.detection.detector import FaceDetector
from posterv2.inference.frames import Frame
from posterv2.inference.pipeline import FramePredictor
from posterv2.inference.predictor import Look, Predictor
from posterv2.inference.results import Result
from posterv2.preprocessing import read_image
from posterv2.serving.batcher import Batcher
from posterv2.serving.limits import Limits, RefusalError
from posterv2.serving.metrics import Metrics


@dataclass(frozen=True)
class Picture:
    """A picture as it came: what it is called, and its bytes."""

    name: str
    data: bytes


class Service:
    """Answers for one predictor.

    Pictures are decoded and searched for faces in a few threads, each with a detector of its own; all faces are named
    by one `Batcher`. A thread that is busy with a slow picture leaves the others to the rest.

    Args:
        predictor: its classifier is shared.
        open_detector: makes a detector for each thread.
        limits: what is taken.
        metrics: what is counted.
    """

    def __init__(
        self, predictor: Predictor, open_detector: Callable[[], FaceDetector], limits: Limits, metrics: Metrics
    ) -> None:
        self.predictor, self.limits, self.metrics = predictor, limits, metrics
        self._open_detector = open_detector
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(1 + (os.cpu_count() or 1), thread_name_prefix="look")
        self._batcher = Batcher(predictor.classifier, on_batch=self.metrics.batch_faces.observe)
        self._waiting = 0
        self._streams = 0

    async def predict(self, pictures: list[Picture], aligned: bool) -> list[Result | RefusalError]:
        """The result of each picture, or why it has none.

        Raises:
            RefusalError: 429, too many pictures wait already; none of these is taken.
        """
        if self._waiting + len(pictures) > self.limits.waiting:
            raise RefusalError(
                429, "busy", "too many pictures wait for their answer; try again soon", {"Retry-After": "1"}
            )
        jobs = [self._threads.submit(self._look, picture, aligned) for picture in pictures]
        answers = asyncio.gather(*map(self._place, jobs))
        try:
            # What is at work keeps its place until it is done, also when nobody waits for it any more.
            return await asyncio.shield(answers)
        except asyncio.CancelledError:
            for job in jobs:
                job.cancel()
            raise

    def _place(self, job: Future[Look]) -> asyncio.Task[Result | RefusalError]:
        """The answer to a picture, which counts as waiting until then."""
        self._count_waiting(1)
        answer = asyncio.ensure_future(self._answer(job))
        answer.add_done_callback(lambda _: self._count_waiting(-1))
        return answer

    async def _answer(self, job: Future[Look]) -> Result | RefusalError:
        try:
            look = await asyncio.wrap_future(job)
        except RefusalError as refusal:
            return refusal
        rows = await asyncio.wrap_future(self._batcher.submit(look.pixels))
        self.metrics.faces.inc(len(rows))
        return self.predictor.named(look, iter(rows))

    def _count_waiting(self, more: int) -> None:
        self._waiting += more
        self.metrics.waiting.set(self._waiting)

    def _look(self, picture: Picture, aligned: bool) -> Look:
        if not hasattr(self._own, "predictor"):
            self._own.predictor = self._another()
        look = self._own.predictor.look(self._read(picture), aligned)
        if len(look.faces) > self.limits.faces:
            raise RefusalError(
                422,
                "too_many_faces",
                f"{picture.name}: {len(look.faces)} faces are over the limit of {self.limits.faces}; send parts of it",
            )
        return replace(look, picture=replace(look.picture, source=picture.name, pixels=None))

    def _another(self) -> Predictor:
        """The same predictor with a detector of its own, for one thread or one stream."""
        return Predictor(self.predictor.classifier, self._open_detector(), self.predictor.uncertain_below)

    def _read(self, picture: Picture) -> np.ndarray:
        try:
            return read_image(picture.data, picture.name, self.limits.pixels)
        except ImageSizeError as error:
            raise RefusalError(413, "too_many_pixels", str(error)) from error
        except ImageError as error:
            raise RefusalError(422, "not_a_picture", f"{error}; send a JPEG, PNG or WebP") from error

    def open_stream(self) -> "Stream":
        """A stream's own memory of its faces.

        Raises:
            RefusalError: 429, as many are open as may be.
        """
        if self._streams >= self.limits.streams:
            raise RefusalError(429, "busy", f"{self._streams} streams are open, which is the limit; try again later")
        self._streams += 1
        return Stream(self)

    def close_stream(self) -> None:
        """One stream less."""
        self._streams -= 1

    def close(self) -> None:
        """Answer what was accepted, and end all threads."""
        self._threads.shutdown()
        self._batcher.close()


class Stream:
    """The frames of one camera, one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._predict: FramePredictor | None = None

    async def predict(self, number: int, seconds: float, data: bytes) -> Result:
        """The result of frame `number`, seen `seconds` after the first one.

        Raises:
            RefusalError: it is no picture, or too large.
        """
        return await run_in_threadpool(self._frame, number, seconds, data)

    def _frame(self, number: int, seconds: float, data: bytes) -> Result:
        if self._predict is None:
            self._predict = FramePredictor(self._service._another())
        image = self._service._read(Picture("stream", data))
        result = self._predict(Frame("stream", number, seconds, image))
        self._service.metrics.faces.inc(len(result.faces))
        return result
