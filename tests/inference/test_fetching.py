"""Fetching, from a server in this process: within limits, and nowhere that was not allowed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from posterv2.errors import ImageError, UsageError
from posterv2.inference.fetching import fetch
from posterv2.inference.sources import find_sources
from tests.inference.clips import ASTRONAUT

PHOTO = ASTRONAUT.read_bytes()


class Handler(BaseHTTPRequestHandler):
    """Says what its path asks for."""

    def do_GET(self) -> None:
        path = self.path
        if path == "/photo" or path == "/lies" or path == "/short":
            size = {"/photo": len(PHOTO), "/lies": 5_000_000_000, "/short": len(PHOTO) + 10}[path]
            self.reply(200, {"Content-Length": str(size)}, PHOTO)
        elif path == "/endless":
            self.reply(200, {}, b"x" * 3_000_000)
        elif path == "/trickle":
            self.reply(200, {}, b"")
            wake = threading.Event()
            for _ in range(50):
                self.wfile.write(b"x")
                self.wfile.flush()
                wake.wait(0.05)
        elif path.startswith("/to?"):
            self.reply(302, {"Location": path.removeprefix("/to?")}, b"")
        else:
            self.reply(404, {}, b"")

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


class Server(ThreadingHTTPServer):
    """Clients that leave early are no news."""

    def handle_error(self, request: object, client_address: object) -> None: ...


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("way", ["/photo", "/to?/photo"])
def test_a_picture_comes_as_a_source_under_its_address(address: str, way: str, tmp_path: Path) -> None:
    (source,) = find_sources([address + way], lambda word, error: pytest.fail(str(error)), downloads=tmp_path)
    assert (source.kind, source.name) == ("picture", address + way)
    assert source.path.read_bytes() == PHOTO


@pytest.mark.parametrize(
    ("way", "limits", "words"),
    [
        ("/gone", {}, "cannot be fetched: Not Found"),
        ("/lies", {}, "it has 5,000,000,000 bytes, over the limit of 1,000,000,000"),
        ("/endless", {"max_bytes": 1_000_000}, "over the limit of 1,000,000 bytes"),
        ("/trickle", {"max_seconds": 0.2}, "takes too long"),
        ("/short", {}, "cannot be fetched: only"),
        ("/to?/to?/to?/gone", {}, "cannot be fetched: Not Found"),
    ],
)
def test_what_cannot_be_fetched(address: str, way: str, limits: dict[str, int], words: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=words):
        fetch(address + way, tmp_path / "file", **limits)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://me:word@127.0.0.1/x"])
def test_redirects_lead_to_allowed_places_only(address: str, target: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"only http and https|with a name or password|not allowed"):
        fetch(f"{address}/to?{target}", tmp_path / "file")
    with pytest.raises(UsageError):
        fetch(target, tmp_path / "file")
    assert not list(tmp_path.iterdir())
