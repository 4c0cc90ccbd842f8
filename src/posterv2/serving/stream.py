"""Frames of a camera over a WebSocket: only the newest one that waits is looked at."""

import asyncio
import logging
import time
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from posterv2.serving.guard import PROTOCOL, has_token
from posterv2.serving.limits import RefusalError
from posterv2.serving.service import Service, Stream

NO_TOKEN, OTHER_ORIGIN, TRY_LATER, FAILED = 4401, 4403, 1013, 1011
"""Why a stream is closed."""

_log = logging.getLogger(__name__)


async def serve_stream(socket: WebSocket, service: Service, token: str | None) -> None:
    """Answer a stream's messages until it ends."""
    await socket.accept(PROTOCOL if PROTOCOL in socket.scope.get("subprotocols", ()) else None)
    if not has_token(socket.headers, token):
        await socket.close(NO_TOKEN, "this service needs a token")
        return
    origin = socket.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != socket.headers.get("host"):
        await socket.close(OTHER_ORIGIN, "streams are for the service's own page and for programs")
        return
    try:
        stream = service.open_stream()
    except RefusalError as refusal:
        await socket.close(TRY_LATER, refusal.message)
        return
    newest: asyncio.Queue[tuple[int, float, bytes | None]] = asyncio.Queue(1)
    answers = asyncio.create_task(_answer(socket, stream, newest))
    try:
        await _receive(socket, newest)
    finally:
        answers.cancel()
        with suppress(asyncio.CancelledError):
            await answers
        service.close_stream()


async def _receive(socket: WebSocket, newest: asyncio.Queue[tuple[int, float, bytes | None]]) -> None:
    """Keep the newest message until it is taken; those that it overtakes are gone."""
    number, begun = 0, time.monotonic()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if newest.full():
            newest.get_nowait()
        newest.put_nowait((number, time.monotonic() - begun, message.get("bytes")))
        number += 1


async def _answer(socket: WebSocket, stream: Stream, newest: asyncio.Queue[tuple[int, float, bytes | None]]) -> None:
    while True:
        number, seconds, data = await newest.get()
        try:
            if not data:
                raise RefusalError(400, "bad_request", "each message is the bytes of one picture; got text or nothing")
            answer = (await stream.predict(number, seconds, data)).to_dict()
        except RefusalError as refusal:
            answer = refusal.to_dict() | {"frame": number}
        except Exception:
            _log.exception("a stream ended at its frame %d", number)
            await socket.close(FAILED, "the service failed at this frame; its log says why")
            return
        with suppress(WebSocketDisconnect, RuntimeError):  # the other side has left
            await socket.send_json(answer)
