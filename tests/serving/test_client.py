"""The client against servers that say what a test wants them to."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.sync.server import ServerConnection, serve

from posterv2.client import Client, Model
from posterv2.errors import ImageError, PosterError, ServiceError, UsageError
from posterv2.inference.results import Face, Result

FACE = Face((1, 2, 3, 4), 0.5, "anger", 0.75, {"anger": 0.75, "fear": 0.25})
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
REFUSED = {"error": {"code": "not_a_picture", "message": "x.jpg: not a picture that can be read"}}
BUSY = {"error": {"code": "busy", "message": "too many pictures wait; try again in 2 s"}}


def entry(source: str = "any", **more: Any) -> dict[str, Any]:
    return Result(source, 40, 30, (FACE,)).to_dict() | more


class Said:
    """What was asked, and what shall be answered: status, headers and JSON, one after the other."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], Any]] = []
        self.address = ""

    def will(self, status: int, values: Any, **headers: str) -> None:
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, values))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Said]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    said = Said()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, headers, values = said.answers.pop(0)
            self.send_response(status)
            body = values if isinstance(values, bytes) else json.dumps(values).encode()
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        said.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield said
        running.shutdown()
        thread.join()


@pytest.fixture
def client(server: Said) -> Iterator[Client]:
    with Client(server.address) as client:
        yield client


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a photo.jpg"
    path.write_bytes(b"the bytes of a file")
    return path


def test_all_kinds_of_pictures_go_in_one_request(server: Said, client: Client, photo: Path):
    server.will(200, [entry()] * 4)
    results = client.predict([photo, b"more bytes", PIXELS, Image.fromarray(PIXELS)])
    (path, headers, body), *others = server.asked
    assert not others
    assert path == "/v1/predict?aligned=false"
    assert headers["content-type"].startswith("multipart/form-data")
    assert "authorization" not in headers
    assert body.count(b'name="files"; filename="') == 4
    assert b'filename="a photo.jpg"' in body
    assert b"the bytes of a file" in body
    assert b"more bytes" in body
    assert [result.source for result in results] == [str(photo), "picture", "picture", "picture"]
    assert [result.faces for result in results] == [(FACE,)] * 4
    assert [result.pixels is None for result in results] == [True, True, False, False]


@pytest.mark.parametrize("as_given", [lambda pixels: pixels, Image.fromarray])
def test_pixels_go_without_loss(server: Said, client: Client, as_given: Callable[[np.ndarray], Any]):
    server.will(200, [entry()])
    (result,) = client.predict(as_given(PIXELS))
    body = server.asked[0][2]
    sent = Image.open(io.BytesIO(body[body.index(b"\x89PNG") :]))
    assert np.array_equal(np.asarray(sent), PIXELS)
    assert np.array_equal(result.pixels, PIXELS)  # pyright: ignore[reportArgumentType]


def test_one_picture_is_a_list_of_one_and_may_be_a_face(server: Said, photo: Path):
    server.will(200, [entry()])
    with Client(server.address + "/", token="a b~c") as client:
        (result,) = client.predict(str(photo), aligned=True)
    assert result == Result(str(photo), 40, 30, (FACE,))
    assert server.asked[0][0] == "/v1/predict?aligned=true"
    assert server.asked[0][1]["authorization"] == "Bearer a b~c"


def test_an_address_may_have_a_path(server: Said, photo: Path):
    server.will(200, [entry()])
    with Client(server.address + "/faces/") as client:
        client.predict(photo)
    assert server.asked[0][0] == "/faces/v1/predict?aligned=false"


def test_no_picture_is_no_request(server: Said, client: Client):
    assert client.predict([]) == []
    assert not server.asked


@pytest.mark.parametrize(("status", "values"), [(422, REFUSED), (422, [REFUSED]), (200, [REFUSED])])
def test_a_refusal_is_an_error_with_its_code(server: Said, client: Client, photo: Path, status: int, values: Any):
    server.will(status, values)
    with pytest.raises(ServiceError, match=r"^x.jpg: not a picture that can be read$") as raised:
        client.predict(photo)
    assert (raised.value.code, raised.value.status) == ("not_a_picture", status)


def test_what_is_broken_among_others_is_told_and_the_others_come(server: Said, client: Client, photo: Path):
    server.will(200, [entry(width=1), {"source": "x.jpg", **REFUSED}, entry(width=2)])
    told: list[tuple[str, PosterError]] = []
    pictures = [photo, "nowhere.jpg", b"no picture", PIXELS[:, :, 0], PIXELS]
    results = client.predict(pictures, failed=lambda name, error: told.append((name, error)))
    assert [(result.source, result.width) for result in results] == [(str(photo), 1), ("picture", 2)]
    assert [(name, type(error)) for name, error in told] == [
        ("nowhere.jpg", ImageError),
        ("picture", ImageError),
        ("picture", ServiceError),
    ]
    assert str(told[0][1]) == "nowhere.jpg: No such file or directory"


@pytest.mark.parametrize("picture", ["nowhere.jpg", "a\0b", PIXELS.astype(float), 5])
def test_what_is_no_picture_is_told_before_anything_is_sent(server: Said, client: Client, picture: Any):
    with pytest.raises(ImageError):
        client.predict(picture)
    assert not server.asked


def test_a_busy_service_is_asked_again(server: Said, client: Client, photo: Path, waits: list[float]):
    server.will(429, BUSY, Retry_After="2")
    server.will(429, BUSY, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    server.will(429, BUSY, Retry_After="99999")
    server.will(429, BUSY)
    server.will(200, [entry()])
    assert len(client.predict(photo)) == 1
    assert waits == [2, 1, 30, 1]
    assert len({body.partition(b"\r\n\r\n")[2][:19] for _, _, body in server.asked}) == 1


def test_but_not_for_ever(server: Said, photo: Path, waits: list[float]):
    for _ in range(3):
        server.will(429, BUSY, Retry_After="0")
    with (
        Client(server.address, tries=3) as client,
        pytest.raises(ServiceError, match=r"^too many pictures wait") as raised,
    ):
        client.predict(photo)
    assert (raised.value.code, raised.value.status) == ("busy", 429)
    assert waits == [0, 0]


@pytest.mark.parametrize(
    ("status", "values"),
    [
        (200, b"<html>"),
        (404, b"\xff"),
        (200, {}),
        (200, []),
        (200, [entry(), entry()]),
        (200, [{"source": 1}]),
        (200, [entry(faces=5)]),
        (502, {"error": "no dictionary"}),
        (500, {"error": {"code": 5}}),
        (302, b""),
    ],
)
def test_what_is_no_service_of_ours_is_told(server: Said, client: Client, photo: Path, status: int, values: Any):
    server.will(status, values, Location="/elsewhere")
    with pytest.raises(ServiceError, match=rf"^{server.address}: not an answer of posterv2 serve \(status {status}\)"):
        client.predict(photo)


def test_the_model(server: Said, client: Client):
    values = {
        "name": "nano",
        "labels": ["a", "b"],
        "input": {"size": 48, "grayscale": True},
        "metrics": {},
        "card": None,
    }
    server.will(200, values)
    assert client.model() == Model("nano", ("a", "b"), {"size": 48, "grayscale": True}, {}, None)
    server.will(200, {"name": "nano"})
    with pytest.raises(ServiceError, match="not an answer"):
        client.model()
    server.will(401, {"error": {"code": "token", "message": "give the token"}})
    with pytest.raises(ServiceError, match="give the token"):
        client.model()


def free_address() -> str:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        return f"http://127.0.0.1:{gone.server_port}"


def test_nobody_there(photo: Path):
    address = free_address()
    with Client(address) as client:
        for asked in (client.model, lambda: client.predict(photo), lambda: next(client.stream([b"x"]))):
            with pytest.raises(
                ServiceError, match=rf"^{address}: cannot be reached: .*refused.*posterv2 serve"
            ) as raised:
                asked()
            assert (raised.value.code, raised.value.status) == ("unreachable", None)


def test_silence_is_given_up(photo: Path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, timeout=0.1) as client:
            for asked in (lambda: client.predict(photo), lambda: next(client.stream([b"x"]))):
                with pytest.raises(ServiceError, match=rf"^{address}: no answer within 0.1 s$") as raised:
                    asked()
                assert raised.value.code == "timeout"


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://x", "http://", "http://me:secret@x", "http://[", ""])
def test_an_address_that_is_none(address: str):
    with pytest.raises(UsageError):
        Client(address)


@pytest.mark.parametrize("token", ["a\nb", "ä"])
def test_a_token_that_no_header_holds_is_not_shown(token: str):
    with pytest.raises(UsageError, match=r"^a token is of printable ASCII") as raised:
        Client(token=token)
    assert token not in str(raised.value)


def test_a_service_is_asked_at_least_once():
    with pytest.raises(UsageError, match="got 0 tries"):
        Client(tries=0)


@pytest.fixture
def streams() -> Iterator[tuple[str, list[Any]]]:
    """Answers each message with its length as a frame's number, `bad` with a refusal, and `end` by closing."""
    seen: list[Any] = []

    def answer(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append((socket.request.path, socket.request.headers.get("Authorization"), socket.subprotocol))
        for number, message in enumerate(socket):
            if message == b"end":
                socket.close(4401, "give the token")
            elif message == b"bad":
                socket.send(json.dumps({**REFUSED, "frame": number}))
            elif message == b"odd":
                socket.send("[]")
            else:
                seen.append(message)
                socket.send(json.dumps(entry(frame=number, time=0.1)))

    with serve(answer, "127.0.0.1", 0, subprotocols=["posterv2"]) as server:  # pyright: ignore[reportArgumentType]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.socket.getsockname()[1]}", seen
        server.shutdown()
        thread.join()


def test_a_stream_answers_each_frame(streams: tuple[str, list[Any]], photo: Path):
    address, seen = streams
    told: list[str] = []
    with Client(address, token="secret") as client:
        frames = [b"one", photo, b"bad", "nowhere.jpg", PIXELS]
        results = list(client.stream(frames, failed=lambda name, error: told.append(str(error))))
    assert [(result.source, result.frame) for result in results] == [("picture", 0), (str(photo), 1), ("picture", 3)]
    assert told == [REFUSED["error"]["message"], "nowhere.jpg: No such file or directory"]
    assert seen[:3] == [("/v1/stream", "Bearer secret", "posterv2"), b"one", photo.read_bytes()]
    assert Image.open(io.BytesIO(seen[3])).format == "JPEG"


@pytest.mark.parametrize(
    ("frame", "words", "code"),
    [
        (b"end", "the stream was closed: give the token", "token"),
        (b"bad", "not a picture", "not_a_picture"),
        (b"odd", "not an answer of posterv2 serve; ", "no_service"),
    ],
)
def test_a_stream_that_is_refused(streams: tuple[str, list[Any]], frame: bytes, words: str, code: str):
    with Client(streams[0]) as client, pytest.raises(ServiceError, match=words) as raised:
        list(client.stream([b"one", frame]))
    assert (raised.value.code, raised.value.status) == (code, None)


def test_a_stream_refused_at_the_door(server: Said, client: Client):
    server.will(429, BUSY)
    with pytest.raises(ServiceError, match="too many pictures wait") as raised:
        next(client.stream([b"x"]))
    assert (raised.value.code, raised.value.status) == ("busy", 429)


def test_what_frames_raise_is_theirs(streams: tuple[str, list[Any]]):
    def frames() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the camera is gone")

    with Client(streams[0]) as client, closing(client.stream(frames())) as stream:
        assert next(stream).frame == 0
        with pytest.raises(OSError, match="the camera is gone"):
            next(stream)
