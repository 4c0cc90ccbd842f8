"""The pictures in a request's body, in memory alone: nothing of it touches the disk."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from posterv2.errors import cut
from posterv2.serving.limits import Limits, RefusalError
from posterv2.serving.service import Picture

_FIELD = "files"
_HOW = "send a picture's bytes with Content-Type: image/jpeg (or another image type), or a form with parts named files"


async def pictures_of(request: Request, limits: Limits) -> list[Picture]:
    """The pictures of a request, one for raw bytes.

    Raises:
        RefusalError: 400 where there is none or the form is broken, 413 where there is too much, 415 for other bodies.
    """
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limits.bytes:
        raise _too_large(limits)
    if kind == "multipart/form-data":
        return await _form(request, limits)
    if kind != "application/octet-stream" and not kind.startswith("image/"):
        raise RefusalError(415, "content_type", f"got the content type {cut(kind)!r}; {_HOW}")
    data = b"".join([part async for part in _limited(request, limits)])
    if not data:
        raise RefusalError(400, "empty", f"the request has no body; {_HOW}")
    return [Picture("picture", data)]


async def _form(request: Request, limits: Limits) -> list[Picture]:
    parser = MultiPartParser(request.headers, _limited(request, limits), max_files=10_000, max_fields=100)
    parser.spool_max_size = limits.bytes + 1  # above what can come, so that no file is made
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError, ValueError) as error:
        raise RefusalError(400, "bad_request", f"the form cannot be read: {cut(str(error), 200)}; {_HOW}") from error
    files = [value for value in form.getlist(_FIELD) if isinstance(value, UploadFile)]
    try:
        if not files:
            raise RefusalError(400, "empty", f"the form has no file named {_FIELD}; {_HOW}")
        if len(files) > limits.files:
            raise RefusalError(
                413, "too_many_files", f"{len(files)} files are over the limit of {limits.files}; send fewer"
            )
        return [Picture(cut(file.filename or "picture", 200), await file.read()) for file in files]
    finally:
        await form.close()


async def _limited(request: Request, limits: Limits) -> AsyncGenerator[bytes]:
    """The body as it comes, up to the limit, whatever its length is said to be."""
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limits.bytes:
            raise _too_large(limits)
        yield part


def _too_large(limits: Limits) -> RefusalError:
    return RefusalError(
        413, "too_large", f"the body is over the limit of {limits.bytes:,} bytes; send smaller or fewer files"
    )
