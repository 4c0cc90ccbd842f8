"""The service in the tests' own process, behind a client that speaks to it directly."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import posterv2
from posterv2.inference.detection.factory import open_detector
from posterv2.inference.predictor import Predictor
from posterv2.serving.app import create_app
from posterv2.serving.limits import Limits

PHOTO = Path(__file__).parents[2] / "samples" / "astronaut.jpg"


@pytest.fixture(scope="session")
def predictor() -> Predictor:
    return posterv2.load()


def client_of(predictor: Predictor, token: str | None = None, **limits: float) -> TestClient:
    app = create_app(predictor, open_detector, Limits(**limits), token)  # pyright: ignore[reportArgumentType]
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture
def client(predictor: Predictor) -> Iterator[TestClient]:
    with client_of(predictor) as client:
        yield client
