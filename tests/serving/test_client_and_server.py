"""The client and the service together give what the predictor gives."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import posterv2
from posterv2.client import Client
from posterv2.errors import ServiceError
from posterv2.inference.predictor import Predictor
from posterv2.inference.results import Result
from tests.serving.conftest import PHOTO
from tests.serving.process import served

TOKEN = "a secret of the tests"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served("--engine", "onnxruntime", "--max-files", "3", POSTERV2_TOKEN=TOKEN) as (_, address):
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Client]:
    with Client(address, TOKEN) as client:
        yield client


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return posterv2.load(engine="onnxruntime")


def same(result: Result, expected: Result) -> None:
    """Equal as they are written, probabilities to a hundred-thousandth: batches of other sizes round otherwise."""
    values, others = result.to_dict(), expected.to_dict()
    assert len(result.faces) == len(expected.faces)
    for face, other in zip(result.faces, expected.faces, strict=True):
        assert face.expression == other.expression
        assert face.probabilities == pytest.approx(other.probabilities, abs=1e-5)
        assert (face.box, face.landmarks is None) == (other.box, other.landmarks is None)
    assert {**values, "faces": []} == {**others, "faces": []}


def test_answers_are_the_predictors(client: Client, predictor: Predictor):
    pixels = np.asarray(Image.open(PHOTO).convert("RGB"))
    pictures = [PHOTO, pixels, Image.fromarray(pixels[:, ::-1])]
    for result, expected in zip(client.predict(pictures), predictor(pictures), strict=True):
        same(result, expected)
    (result,) = client.predict(PHOTO.read_bytes())
    same(result, predictor(pixels))


def test_faces_are_taken_as_they_are(client: Client, predictor: Predictor, face_files: list[Path]):
    for path in face_files[:3]:
        (result,) = client.predict(str(path), aligned=True)
        same(result, predictor(str(path), aligned=True))


def test_what_is_broken_does_not_fail_the_others(client: Client):
    told: list[tuple[str, str]] = []
    results = client.predict([b"no picture", PHOTO], failed=lambda name, error: told.append((name, str(error))))
    assert [result.source for result in results] == [str(PHOTO)]
    assert told[0][0] == "picture"
    with pytest.raises(ServiceError, match=r"^picture: not a picture") as raised:
        client.predict(b"no picture")
    assert (raised.value.code, raised.value.status) == ("not_a_picture", 422)
    with pytest.raises(ServiceError, match=r"4 files are over the limit of 3") as raised:
        client.predict([PHOTO] * 4)
    assert (raised.value.code, raised.value.status) == ("too_many_files", 413)


def test_frames_are_numbered_and_their_faces_too(client: Client, predictor: Predictor):
    told: list[str] = []
    frames = [PHOTO, np.asarray(Image.open(PHOTO).convert("RGB")), b"no picture", PHOTO]
    results = list(client.stream(frames, failed=lambda name, error: told.append(str(error))))
    assert [result.frame for result in results] == [0, 1, 3]
    assert [[face.track for face in result.faces] for result in results] == [[results[0].faces[0].track]] * 3
    assert results[0].faces[0].track is not None
    assert results[0].faces[0].expression == predictor(PHOTO).faces[0].expression
    assert len(told) == 1


def test_the_model(client: Client, predictor: Predictor):
    model = client.model()
    assert model.name == "posterv2-nano"
    assert model.labels == predictor.labels.names
    assert model.input["size"] == 48
    assert model.card is not None
    assert model.metrics


def test_without_the_token(address: str):
    with Client(address, token="another") as client:
        for asked in (client.model, lambda: client.predict(PHOTO)):
            with pytest.raises(ServiceError, match="token") as raised:
                asked()
            assert (raised.value.code, raised.value.status) == ("token", 401)
        with pytest.raises(ServiceError, match="the stream was closed: this service needs a token") as raised:
            list(client.stream([PHOTO]))
        assert raised.value.code == "token"
