"""Pictures and videos from the web, for those who ask for it."""

import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from posterv2 import __version__
from posterv2.errors import ImageError, UsageError, cut

MAX_BYTES = 1_000_000_000
"""A file that is larger is not fetched."""

MAX_SECONDS = 600
"""A file that takes longer is given up."""

_SILENCE = 20  # seconds without a byte
_CHUNK = 1 << 16


def check_address(address: str) -> None:
    """Refuse what is not fetched.

    Raises:
        UsageError: another scheme than http and https, no host, or a name and password in it.
    """
    try:
        parts = urlsplit(address)
        host, user = parts.hostname, parts.username
    except ValueError as error:
        raise UsageError(f"{cut(address)}: not an address: {error}") from error
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise UsageError(f"{cut(address)}: only http and https addresses are fetched")
    if user is not None or parts.password is not None:
        raise UsageError(f"an address with a name or password in it is not fetched: {parts.scheme}://...@{host}")


def fetch(address: str, path: Path, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> None:
    """Write what lies at an address to the file `path`, in a folder that is thrown away later.

    Raises:
        ImageError: it is not there, larger than `max_bytes`, or not here after `max_seconds`.
        UsageError: as from `check_address`.
    """
    check_address(address)
    end = time.monotonic() + max_seconds
    request = urllib.request.Request(address, headers={"User-Agent": f"posterv2/{__version__}"})
    try:
        with _opener().open(request, timeout=min(_SILENCE, max_seconds)) as response, path.open("wb") as file:
            _copy(response, file, max_bytes, end)
    except (OSError, HTTPException, ValueError) as error:
        path.unlink(missing_ok=True)
        told = error.reason if isinstance(error, urllib.error.URLError) else getattr(error, "strerror", None) or error
        raise ImageError(f"{cut(address)}: cannot be fetched: {told}") from error
    except _LimitError as error:
        path.unlink(missing_ok=True)
        raise ImageError(f"{cut(address)}: {error}; fetch it yourself and give the file") from error


class _LimitError(Exception):
    pass


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Redirects lead to addresses that could have been given as well, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        try:
            check_address(newurl)
        except UsageError as error:  # the server's fault, not the user's
            raise _LimitError(f"it leads elsewhere: {error}") from error
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """What opens http and https, and no files or other schemes."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


def _copy(response: HTTPResponse, file: IO[bytes], max_bytes: int, end: float) -> None:
    told = response.headers.get("Content-Length", "")
    size = int(told) if told.isdecimal() else None
    if size is not None and size > max_bytes:
        raise _LimitError(f"it has {size:,} bytes, over the limit of {max_bytes:,}")
    got = 0
    while block := response.read1(_CHUNK):
        got += len(block)
        if got > max_bytes:
            raise _LimitError(f"it is over the limit of {max_bytes:,} bytes")
        if time.monotonic() > end:
            raise _LimitError(f"it takes too long: {got:,} bytes came in the time there is")
        file.write(block)
    if size is not None and got < size:
        raise ConnectionError(f"only {got:,} of {size:,} bytes came")
