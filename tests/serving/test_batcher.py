import asyncio
import io
import threading
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from posterv2.checkpoints.header import WeightsHeader
from posterv2.errors import WeightsError
from posterv2.inference.classifier import probabilities
from posterv2.inference.detection.factory import open_detector
from posterv2.inference.predictor import Predictor
from posterv2.serving.app import create_app
from posterv2.serving.batcher import Batcher
from posterv2.serving.limits import Limits

DISTINCT = 2000


class Gated:
    """A classifier that waits before each batch."""

    def __init__(self, predictor: Predictor) -> None:
        self._classifier = predictor.classifier
        self.go, self.reached = threading.Event(), threading.Event()

    @property
    def header(self) -> WeightsHeader:
        return self._classifier.header

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        self.reached.set()
        assert self.go.wait(30)
        if (pixels == 113).all(axis=(1, 2, 3)).any():
            return np.full((len(pixels), len(self.header.labels)), np.nan, np.float32)
        return self._classifier.logits(pixels)


def face(value: int) -> np.ndarray:
    """A plain face; from 75 to 183 the embedded model sees it as it is."""
    return np.full((48, 48, 3), value, np.uint8)


def test_what_waits_goes_through_together_and_everyone_gets_their_own(predictor: Predictor) -> None:
    gated, sizes = Gated(predictor), []
    batcher = Batcher(gated, most=8, on_batch=sizes.append)
    first = batcher.submit([face(1)])
    while not batcher._jobs.empty():
        pass
    others = [batcher.submit([face(70 + 10 * n), face(75 + 10 * n)]) for n in range(1, 11)]
    gated.go.set()
    assert first.result(30).shape == (1, 8)
    for n, future in enumerate(others, start=1):
        expected = probabilities(predictor.classifier, [face(70 + 10 * n), face(75 + 10 * n)])
        np.testing.assert_allclose(future.result(30), expected, atol=1e-5)
    batcher.close()
    assert sizes == [1, 8, 8, 4]


def test_a_face_that_fails_fails_alone(predictor: Predictor) -> None:
    gated = Gated(predictor)
    batcher = Batcher(gated)
    hold = batcher.submit([face(1)])
    while not batcher._jobs.empty():
        pass
    good, bad, fine = (batcher.submit([face(value)]) for value in (90, 113, 80))
    gated.go.set()
    assert hold.result(30).shape == good.result(30).shape == fine.result(30).shape == (1, 8)
    with pytest.raises(WeightsError, match="not finite"):
        bad.result(30)
    batcher.close()


def test_close_answers_what_was_submitted(predictor: Predictor) -> None:
    gated = Gated(predictor)
    batcher = Batcher(gated, most=2)
    futures = [batcher.submit([face(value)]) for value in range(7)]
    futures[5].cancel()
    gated.go.set()
    batcher.close()
    assert all(future.done() for future in futures)
    assert sum(future.cancelled() for future in futures) == 1


def test_pictures_that_wait_for_the_network_count_as_waiting(predictor: Predictor) -> None:
    gated = Gated(predictor)
    app = create_app(Predictor(gated, predictor.detector), open_detector, Limits(waiting=1))
    out = io.BytesIO()
    Image.fromarray(face(40)).save(out, "PNG")

    async def ask() -> list[int]:
        transport = httpx2.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            address = "/v1/predict?aligned=true"
            first = asyncio.create_task(client.post(address, content=out.getvalue()))
            await asyncio.to_thread(gated.reached.wait, 30)
            second = await client.post(address, content=out.getvalue())
            gated.go.set()
            return [(await first).status_code, second.status_code]

    assert asyncio.run(ask()) == [200, 429]


def test_two_thousand_faces_at_once_each_get_their_own_answer(predictor: Predictor, face_files: list[Path]) -> None:
    generator = np.random.default_rng(0)
    originals = [np.asarray(Image.open(file).convert("L"), np.float32) for file in face_files]
    faces = []
    for _ in range(DISTINCT):
        mixed = sum(
            share * image for share, image in zip(generator.dirichlet([0.3] * len(originals)), originals, strict=True)
        )
        pixels = np.clip(mixed + generator.normal(0, 12, (48, 48)), 0, 255).astype(np.uint8)
        faces.append(np.repeat(pixels[:, :, None], 3, axis=2))
    expected = [result.faces[0].probabilities for result in predictor(faces, aligned=True)]
    assert len({tuple(each.values()) for each in expected}) == DISTINCT
    app = create_app(predictor, open_detector, Limits(waiting=DISTINCT))

    async def ask(client: httpx2.AsyncClient, pixels: np.ndarray) -> dict[str, float]:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        response = await client.post("/v1/predict?aligned=true", content=out.getvalue())
        [picture] = response.json()
        return picture["faces"][0]["probabilities"]

    async def all_of_them() -> list[dict[str, float]]:
        transport = httpx2.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://x") as client,
        ):
            return await asyncio.gather(*(ask(client, pixels) for pixels in faces))

    answers = asyncio.run(all_of_them())
    for answer, own in zip(answers, expected, strict=True):
        np.testing.assert_allclose(list(answer.values()), list(own.values()), atol=2e-5)
