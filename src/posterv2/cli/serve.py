"""`posterv2 serve`: a page and an HTTP service."""

from __future__ import annotations

import ipaddress
import math
import socket
from functools import partial
from typing import Annotated

import typer

from posterv2.cli import console, options
from posterv2.errors import PosterError, UsageError, require


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(envvar="POSTERV2_TOKEN", help="What requests must bring; better given as a variable."),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Answer other machines without a token.")] = False,
    max_bytes: Annotated[int, typer.Option(metavar="N", min=1, help="Of a request's body.")] = 32 * 2**20,
    max_pixels: Annotated[int, typer.Option(metavar="N", min=1, help="Of a picture.")] = 50_000_000,
    max_files: Annotated[int, typer.Option(metavar="N", min=1, help="Pictures of a request.")] = 16,
    max_faces: Annotated[int, typer.Option(metavar="N", min=1, help="Found in a picture.")] = 100,
    max_seconds: Annotated[float, typer.Option(metavar="S", min=0.1, help="From a request to its answer.")] = 30.0,
    max_waiting: Annotated[int, typer.Option(metavar="N", min=1, help="Pictures taken and not yet answered.")] = 64,
    max_streams: Annotated[int, typer.Option(metavar="N", min=1, help="Cameras at once.")] = 8,
    uncertain_below: options.UncertainBelow = 0.0,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
    engine: options.Engine = "auto",
    precision: options.Precision = "fp32",
    detector: options.Detector = "mtcnn",
) -> None:
    """Serve a page and an HTTP API that name the expressions in pictures and of cameras.

    Pictures are worked on in memory and never kept. Other machines are answered only with a token.

    \b
    Examples:
      posterv2 serve
      POSTERV2_TOKEN=secret posterv2 serve --host 0.0.0.0 --port 8080
    """
    if not token and not insecure and not _is_loopback(host):
        raise UsageError(f"{host} can be reached from other machines: set a token in POSTERV2_TOKEN, or say --insecure")
    for part in ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "websockets"):
        require(part, "serve")
    import uvicorn

    from posterv2.inference.detection.factory import open_detector
    from posterv2.inference.predictor import load
    from posterv2.inference.sending import check_token
    from posterv2.serving.app import create_app
    from posterv2.serving.limits import Limits

    check_token(token)
    limits = Limits(max_bytes, max_pixels, max_files, max_faces, max_seconds, max_waiting, max_streams)
    with _listening(host, port) as listening:
        predictor = load(weights, labels, device, detector, uncertain_below, None, engine, precision)
        app = create_app(predictor, partial(open_detector, detector), limits, token or None)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(max_seconds) + 1,
            ws_max_size=max_bytes,
        )
        address = f"[{host}]" if ":" in host else host
        console.result(f"http://{address}:{listening.getsockname()[1]}\n")
        console.note(f"{predictor.classifier.header.name} answers there; Ctrl-C ends it")
        uvicorn.Server(config).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that the address is taken before the weights are read."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
        # Its connections inherit it; with Nagle's algorithm an answer's body would wait 40 ms for its head's receipt.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listening
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PosterError(f"cannot listen on {host}, port {port}: {reason}; choose another with --port") from error
