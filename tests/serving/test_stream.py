import base64
import threading
from unittest.mock import ANY

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from posterv2.inference.detection.detector import Detection
from posterv2.inference.predictor import Predictor
from posterv2.serving.app import create_app
from tests.serving.conftest import PHOTO, client_of
from tests.serving.test_app import png

JPEG = PHOTO.read_bytes()


def test_frames_are_answered_with_tracks(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream", ["posterv2"]) as socket:
        assert socket.accepted_subprotocol == "posterv2"
        for number in range(3):
            socket.send_bytes(JPEG)
            answer = socket.receive_json()
            assert (answer["frame"], answer["source"]) == (number, "stream")
            assert [(face["track"], face["expression"]) for face in answer["faces"]] == [(1, "happiness")]


def test_a_broken_frame_is_told_and_the_stream_goes_on(client: TestClient) -> None:
    with client.websocket_connect("/v1/stream") as socket:
        for message, code in ((b"nonsense", "not_a_picture"), (b"", "bad_request")):
            socket.send_bytes(message)
            assert socket.receive_json()["error"]["code"] == code
        socket.send_text("{}")
        assert socket.receive_json() == {"error": ANY, "frame": 2}
        socket.send_bytes(JPEG)
        answer = socket.receive_json()
        assert (answer["frame"], len(answer["faces"])) == (3, 1)


def test_only_the_newest_waiting_frame_is_looked_at(predictor: Predictor) -> None:
    reached, go = threading.Event(), threading.Event()

    class Waits:
        def detect(self, image: np.ndarray) -> list[Detection]:
            reached.set()
            assert go.wait(30)
            return []

    with TestClient(create_app(predictor, Waits)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png(40))
        assert reached.wait(30)
        for width in (41, 42, 43):
            socket.send_bytes(png(width))
        with client.websocket_connect("/v1/stream"):  # when this one is open, the messages before it have come
            go.set()
        first, last = socket.receive_json(), socket.receive_json()
        assert (first["frame"], last["frame"], last["width"]) == (0, 3, 43)


def closed_with(client: TestClient, protocols: list[str] | None = None, headers: dict[str, str] | None = None) -> int:
    with client.websocket_connect("/v1/stream", protocols, headers=headers or {}) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
        return closed.value.code


def test_too_many_streams(predictor: Predictor) -> None:
    with client_of(predictor, streams=1) as client:
        with client.websocket_connect("/v1/stream"):
            assert closed_with(client) == 1013
        with client.websocket_connect("/v1/stream") as socket:
            socket.send_bytes(png())
            assert socket.receive_json()["faces"] == []


def test_other_sites_are_refused(client: TestClient) -> None:
    assert closed_with(client, headers={"Origin": "http://elsewhere.example"}) == 4403
    with client.websocket_connect("/v1/stream", headers={"Origin": "http://testserver"}) as socket:
        socket.send_bytes(png())
        assert socket.receive_json()["faces"] == []


def test_a_stream_brings_the_token_in_a_header_or_as_a_browser_can(predictor: Predictor) -> None:
    with client_of(predictor, token="s?cret~~~") as client:
        encoded = base64.urlsafe_b64encode(b"s?cret~~~").decode().rstrip("=")
        assert closed_with(client) == 4401
        assert closed_with(client, ["posterv2", "bearer.wrong"]) == 4401
        assert closed_with(client, ["posterv2", "bearer.%"]) == 4401
        with client.websocket_connect("/v1/stream", ["posterv2", f"bearer.{encoded}"]) as socket:
            socket.send_bytes(png())
            assert socket.receive_json()["faces"] == []


def test_a_stream_at_which_the_service_fails_is_closed(predictor: Predictor) -> None:
    class Broken:
        def detect(self, image: np.ndarray) -> list[Detection]:
            raise RuntimeError("secret")

    with TestClient(create_app(predictor, Broken)) as client, client.websocket_connect("/v1/stream") as socket:
        socket.send_bytes(png())
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1011
    assert "secret" not in closed.value.reason
