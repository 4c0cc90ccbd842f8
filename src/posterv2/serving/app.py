"""The routes of the service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from posterv2 import __version__
from posterv2.inference.detection.detector import FaceDetector
from posterv2.inference.predictor import Predictor
from posterv2.serving import schemas
from posterv2.serving.bodies import pictures_of
from posterv2.serving.card import card_of
from posterv2.serving.guard import Guard
from posterv2.serving.limits import Limits, RefusalError
from posterv2.serving.metrics import CONTENT_TYPE, Metrics
from posterv2.serving.service import Service
from posterv2.serving.stream import serve_stream

_PAGE = resources.files("posterv2.serving") / "page"
_CODES = {404: "not_found", 405: "method"}
_BODY = {
    "required": True,
    "content": {
        "image/*": {"schema": {"type": "string", "format": "binary"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "properties": {
                    "files": {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
                },
            }
        },
    },
}
_REASONS = {
    400: "No picture, a broken form, or an option that cannot be.",
    401: "The token is missing or wrong.",
    408: "The picture took too long to come or to be looked at.",
    413: "Too many bytes, pixels or files.",
    415: "The body is no picture and no form.",
    422: "Not a picture, or one with too many faces.",
    429: "Too many pictures wait already; see Retry-After.",
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": schemas.Failure, "description": _REASONS[status]} for status in statuses}


def create_app(
    predictor: Predictor,
    open_detector: Callable[[], FaceDetector],
    limits: Limits | None = None,
    token: str | None = None,
) -> FastAPI:
    """The service as an ASGI application.

    Args:
        predictor: names the expressions.
        open_detector: makes a detector like the predictor's, for each thread.
        limits: what is taken from outside.
        token: what `Authorization: Bearer` must hold; without, everyone who reaches the address is answered.
    """
    limits, counts = limits or Limits(), Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(predictor, open_detector, limits, counts)
        yield
        app.state.service = None
        service.close()

    app = FastAPI(
        title="posterv2",
        version=__version__,
        summary="Names the expressions that faces appear to show.",
        openapi_url="/v1/openapi.json",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = None
    _handle_errors(app)

    @app.post(
        "/v1/predict",
        openapi_extra={"requestBody": _BODY},
        responses={
            200: {
                "model": list[schemas.Picture | schemas.FailedPicture],
                "content": {"application/json": {"example": [schemas.EXAMPLE]}},
                "description": "One entry a picture, in their order; a broken one among several fails alone.",
            },
            **_errors(400, 401, 408, 413, 415, 422, 429),
        },
    )
    async def predict(
        request: Request,
        aligned: Annotated[bool, Query(description="Each picture is a face crop already.")] = False,
    ) -> Response:
        """The faces of one or many pictures."""
        try:
            async with asyncio.timeout(limits.seconds):
                pictures = await pictures_of(request, limits)
                answers = await app.state.service.predict(pictures, aligned)
        except TimeoutError as error:
            raise RefusalError(
                408, "too_slow", f"no answer within {limits.seconds:g} s; send smaller pictures"
            ) from error
        except ClientDisconnect as error:
            raise RefusalError(400, "bad_request", "the request ended before its body did") from error
        refused = [answer for answer in answers if isinstance(answer, RefusalError)]
        if len(refused) == len(answers):
            raise refused[0]
        return JSONResponse(
            [
                {"source": picture.name, **answer.to_dict()} if isinstance(answer, RefusalError) else answer.to_dict()
                for picture, answer in zip(pictures, answers, strict=True)
            ]
        )

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket) -> None:
        await serve_stream(socket, app.state.service, token)

    @app.get("/v1/model", response_model=schemas.Model, responses=_errors(401))
    async def model() -> dict[str, Any]:
        """The label contract, what was measured, and the model card."""
        header = predictor.classifier.header
        return {
            "name": header.name,
            "labels": list(header.labels.names),
            "input": {"size": header.preprocessing.size, "grayscale": header.preprocessing.grayscale},
            "metrics": dict(header.metrics),
            "card": card_of(header.name),
        }

    @app.get("/healthz", response_model=schemas.Status)
    async def health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @app.get("/readyz", response_model=schemas.Status, responses={503: {"model": schemas.Status}})
    async def ready() -> Response:
        """Whether pictures are taken: not while the service starts or stops."""
        return JSONResponse({"status": "ok"}) if app.state.service else JSONResponse({"status": "stopping"}, 503)

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **_errors(401)})
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(counts.text(), headers={"Content-Type": CONTENT_TYPE})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(str(_PAGE / "index.html"))

    @app.get("/page/{name}", include_in_schema=False)
    async def page_file(name: str) -> Response:
        if name not in (file.name for file in _PAGE.iterdir()):
            raise HTTPException(404)
        return FileResponse(str(_PAGE / name))

    paths = [str(getattr(route, "path", "")) for route in app.routes]
    app.add_middleware(Guard, metrics=counts, token=token, routes=paths)
    return app


def _handle_errors(app: FastAPI) -> None:
    """Every error is JSON of one form, without a trace."""

    @app.exception_handler(RefusalError)
    async def refused(request: Request, error: RefusalError) -> Response:
        return JSONResponse(error.to_dict(), error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        message = f"{request.method} {request.url.path}: {error.detail.lower()}; see /v1/openapi.json"
        refusal = RefusalError(error.status_code, _CODES.get(error.status_code, "bad_request"), message)
        return JSONResponse(refusal.to_dict(), refusal.status, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        message = f"{first['loc'][-1]}: {first['msg'].lower()}"
        return JSONResponse(RefusalError(400, "bad_request", message).to_dict(), 400)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        refusal = RefusalError(500, "internal", "the service failed at this request; its log says why")
        return JSONResponse(refusal.to_dict(), 500)
