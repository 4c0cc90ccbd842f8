"""What the service takes, and how it refuses the rest."""

from dataclasses import dataclass, fields

from posterv2.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """What comes from outside has a limit each.

    Attributes:
        bytes: of a request's body, or of a message of a stream.
        pixels: of a picture; more are refused before they are decoded.
        files: pictures of one request.
        faces: found in one picture.
        seconds: from the first byte of a request to its answer.
        waiting: pictures that are accepted and not yet answered, of all requests.
        streams: open at once.
    """

    bytes: int = 32 * 2**20
    pixels: int = 50_000_000
    files: int = 16
    faces: int = 100
    seconds: float = 30.0
    waiting: int = 64
    streams: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise UsageError(f"the limit of {field.name} must be above 0, got {getattr(self, field.name)}")


class RefusalError(Exception):
    """A request that is not answered as it wished.

    Attributes:
        status: 4xx.
        code: one word for programs.
        message: what was wrong and what to do.
        headers: of the response.
    """

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers

    def to_dict(self) -> dict[str, dict[str, str]]:
        """The JSON body: what every error of the service looks like."""
        return {"error": {"code": self.code, "message": self.message}}
