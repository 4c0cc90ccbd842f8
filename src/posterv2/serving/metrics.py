"""What the service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counts of one service.

    Attributes:
        requests: by route and status.
        seconds: from the first byte of a request to its answer, by route.
        faces: that were named.
        batch_faces: faces that went through the network together.
        waiting: pictures that are accepted and not yet answered.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        routes = {"labelnames": ["route"], "registry": self._registry}
        self.requests = Counter("posterv2_requests", "Requests.", ["route", "status"], registry=self._registry)
        self.seconds = Histogram("posterv2_request_seconds", "Seconds to the answer.", **routes)
        self.faces = Counter("posterv2_faces", "Faces that were named.", registry=self._registry)
        self.batch_faces = Histogram(
            "posterv2_batch_faces",
            "Faces that went through the network together.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self._registry,
        )
        self.waiting = Gauge("posterv2_waiting_pictures", "Accepted, not yet answered.", registry=self._registry)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
