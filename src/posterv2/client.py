"""A running service from Python: pictures go there, results come back, as from `posterv2.load()`.

    from posterv2.client import Client

    with Client("http://127.0.0.1:8000") as client:
        for face in client.predict("photo.jpg")[0].faces:
            print(face.expression, face.probability, face.box)

Needs the extra `client`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from posterv2.errors import PosterError, ServiceError, UsageError, cut, first_line, require
from posterv2.inference.fetching import check_address
from posterv2.inference.results import Result
from posterv2.inference.sending import Failed, Picture, Sent, check_token, raised, sendable

if TYPE_CHECKING:
    import httpx2

_BUSY = 429
_LONGEST_WAIT = 30.0  # seconds that Retry-After is heeded for
_CLOSED = {4401: "token", 4403: "origin", 1013: "busy", 1009: "too_large"}  # what a stream's close codes say


@dataclass(frozen=True)
class Model:
    """What answers at the other end.

    Attributes:
        name: of the model.
        labels: its classes in index order, the order of each face's `probabilities`.
        input: `size`, the side of the network's input in pixels, and `grayscale`.
        metrics: what was measured on it, by name.
        card: what it was trained on and is good for, in Markdown; None where it has none.
    """

    name: str
    labels: tuple[str, ...]
    input: dict[str, Any]
    metrics: dict[str, Any]
    card: str | None


class Client:
    """Asks a running `posterv2 serve`. To be closed, or used in a `with`; threads may share one.

    Args:
        address: where it runs, such as `http://127.0.0.1:8000`; a path in it goes before every route's.
        token: what the service was started with, where it asks for one.
        timeout: seconds without a byte from the service after which it is given up.
        tries: how often a service that is busy is asked before that is an error; each time waits as long as it says,
            30 s at most.

    Raises:
        UsageError: no http or https address, or a token that no header can hold.
        MissingExtraError: the extra `client` is not installed.
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8000", token: str | None = None, timeout: float = 60, tries: int = 5
    ) -> None:
        check_address(address)
        check_token(token)
        if tries < 1:
            raise UsageError(f"a service is asked at least once, got {tries} tries")
        require("httpx2", "client")
        import httpx2

        self.address = address.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._tries = tries
        self._timeout = timeout
        self._http = httpx2.Client(base_url=self.address, headers=self._headers, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def predict(
        self, pictures: Picture | Sequence[Picture], aligned: bool = False, failed: Failed = raised
    ) -> list[Result]:
        """The result of each picture, in their order, from one request; no picture is no request.

        Files go as they are; Pillow pictures and arrays without loss, so that answers are those of the predictor.

        Args:
            pictures: a path, the bytes of a file, a Pillow picture, an array (H, W, 3) uint8 RGB, or a list of them.
            aligned: each picture is a face crop already.
            failed: told the name of each picture that has no result, and why; the others go on. Without it, the
                first of them is raised.

        Raises:
            ImageError: a file that cannot be read, or an array of another shape or type.
            ServiceError: the service refuses a picture or all of them, is busy for too long, or does not answer.
        """
        if isinstance(pictures, bytes | str) or not isinstance(pictures, Sequence):
            pictures = [pictures]
        sent = list(sendable(pictures, "PNG", failed))
        if not sent:
            return []
        files = [("files", (each.file_name, each.data, "application/octet-stream")) for each in sent]
        answer = self._ask("POST", "/v1/predict", params={"aligned": str(aligned).lower()}, files=files)
        entries = _read(answer.content)
        if not isinstance(entries, list) or len(entries) != len(sent):
            raise self._refusal(answer.status_code, entries)
        return list(self._results(sent, entries, answer.status_code, failed))

    def stream(self, frames: Iterable[Picture], failed: Failed = raised) -> Generator[Result, None, None]:
        """The result of each frame, its faces numbered over time; the next frame is taken when its answer is here.

        So no frame is overtaken by another. What a camera gave in the meantime is for the caller to drop, as
        `posterv2.inference.live.Newest` does. Pillow pictures and arrays go as JPEG.

        Args:
            frames: pictures as for `predict`.
            failed: as for `predict`.

        Raises:
            ImageError, ServiceError: as from `predict`, and where the service refuses or ends the stream.
        """
        require("websockets", "client")
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        with ExitStack() as stack:
            with self._told():
                socket = stack.enter_context(
                    connect(
                        f"ws{self.address.removeprefix('http')}/v1/stream",
                        subprotocols=[Subprotocol("posterv2")],
                        additional_headers=self._headers,
                        open_timeout=self._timeout,
                    )
                )
            for sent in sendable(frames, "JPEG", failed):
                with self._told():
                    socket.send(sent.data)
                    entry = _read(socket.recv(self._timeout))
                yield from self._results([sent], [entry], None, failed)

    def model(self) -> Model:
        """What answers there: its name, classes, figures and card.

        Raises:
            ServiceError: the service refuses, or does not answer.
        """
        answer = self._ask("GET", "/v1/model")
        values = _read(answer.content)
        try:
            return Model(**{**values, "labels": tuple(values["labels"])})
        except (KeyError, TypeError) as error:
            raise self._refusal(answer.status_code, values) from error

    def _ask(self, method: str, path: str, **what: Any) -> httpx2.Response:
        """The answer, once it is another one than that the service is busy."""
        import httpx2

        for left in reversed(range(self._tries)):
            try:
                answer = self._http.request(method, path, **what)
            except httpx2.TimeoutException as error:
                raise self._silence() from error
            except httpx2.HTTPError as error:
                raise self._unreachable(error) from error
            if answer.status_code != _BUSY or not left:
                return answer
            time.sleep(_wait(answer.headers.get("Retry-After", "")))
        raise AssertionError("the last try returns")

    def _results(
        self, sent: Iterable[Sent], entries: Iterable[Any], status: int | None, failed: Failed
    ) -> Iterator[Result]:
        """What became of each picture."""
        for each, entry in zip(sent, entries, strict=True):
            try:
                result = replace(Result.from_dict(entry), source=each.name, pixels=each.pixels)
            except PosterError:
                failed(each.name, self._refusal(status, entry))
            else:
                yield result

    def _refusal(self, status: int | None, values: Any) -> ServiceError:
        """What was answered instead of what was asked for, as an error."""
        match values:
            case {"error": {"code": str(code), "message": str(message)}}:
                return ServiceError(cut(message, 500), cut(code), status)
        said = "" if status is None else f" (status {status})"
        return ServiceError(
            f"{self.address}: not an answer of posterv2 serve{said}; is it there?", "no_service", status
        )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What goes wrong with a stream, as errors of ours."""
        from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

        try:
            yield
        except TimeoutError as error:
            raise self._silence() from error
        except InvalidStatus as error:
            raise self._refusal(error.response.status_code, _read(error.response.body)) from error
        except ConnectionClosed as error:
            code, why = (1006, "") if error.rcvd is None else (error.rcvd.code, error.rcvd.reason)
            message = f"{self.address}: the stream was closed: {cut(why) or f'code {code}'}"
            raise ServiceError(message, _CLOSED.get(code, "closed")) from error
        except (OSError, WebSocketException) as error:
            raise self._unreachable(error) from error

    def _silence(self) -> ServiceError:
        return ServiceError(f"{self.address}: no answer within {self._timeout:g} s", "timeout")

    def _unreachable(self, error: Exception) -> ServiceError:
        message = f"{self.address}: cannot be reached: {first_line(error)}; is posterv2 serve running there?"
        return ServiceError(message, "unreachable")


def _wait(told: str) -> float:
    """Seconds that Retry-After asks for; 1 where it says none that can be read."""
    return min(float(told), _LONGEST_WAIT) if told.isdecimal() else 1.0


def _read(text: str | bytes | bytearray | None) -> Any:
    """What JSON says; None where it is none."""
    try:
        return json.loads(text or "")
    except ValueError:
        return None
