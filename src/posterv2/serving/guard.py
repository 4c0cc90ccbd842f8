"""What stands in front of every route: the token, headers for browsers, counts, and errors without traces."""

import base64
import binascii
import hmac
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posterv2.serving.limits import RefusalError
from posterv2.serving.metrics import Metrics

PROTOCOL = "posterv2"
"""The subprotocol of a stream; a browser, which cannot set headers there, offers `bearer.TOKEN` beside it."""

_BEARER = "bearer."
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_OPEN = ("/", "/healthz", "/readyz")


class Guard:
    """An ASGI middleware.

    Args:
        app: what is guarded.
        metrics: counts requests.
        token: what `Authorization: Bearer` must hold, where there is one, everywhere but on the page and the probes.
        routes: the known paths; others are counted together.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, token: str | None, routes: Iterable[str]) -> None:
        self._app, self._metrics, self._token, self._routes = app, metrics, token, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one request; streams refuse for themselves, see `stream`."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def headed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        path = scope["path"]
        try:
            if path in _OPEN or path.startswith("/page/") or has_token(Headers(scope=scope), self._token):
                await self._app(scope, receive, headed)
            else:
                message = "this service needs a token; send the header Authorization: Bearer TOKEN"
                refusal = RefusalError(401, "token", message, {"WWW-Authenticate": "Bearer"})
                await JSONResponse(refusal.to_dict(), 401, refusal.headers)(scope, receive, headed)
        finally:
            route = path if path in self._routes else "other"
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.monotonic() - begun)


def has_token(headers: Headers, token: str | None) -> bool:
    """Whether a request may come in; the time it takes says nothing of the token."""
    if token is None:
        return True
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        given = _offered(headers)
    return hmac.compare_digest(given.strip().encode(), token.encode())


def _offered(headers: Headers) -> str:
    """The token among the subprotocols of a stream, in base64url without padding."""
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        encoded = protocol.strip()
        if encoded.startswith(_BEARER):
            encoded = encoded.removeprefix(_BEARER)
            try:
                return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
            except (binascii.Error, ValueError):
                return ""
    return ""
