"""The errors that posterv2 raises on purpose; catch `PosterError` to catch them all.

    PosterError             exit code 1 on the command line
    ├── UsageError          2  an option or a setting that cannot be
    │   └── LabelsError     2  classes that no label set explains, or two sets that do not fit
    ├── ImageError          1  a picture that is missing, empty, broken or too large
    │   ├── ImageSizeError  1  a picture of more pixels than are allowed
    │   └── VideoError      1  the same of a video or a camera; all that came before the break was given
    ├── DatasetError        1  a data set that is missing or not laid out as any reader knows
    ├── WeightsError        1  a weight file that is missing, broken or of another network
    │   └── UnsafeWeightsError  1  a weight file that asks for code to be run
    ├── OutputError         1  a file that cannot be written
    ├── ServiceError        1  what a service answers instead of results, or that it does not answer
    ├── TrainingError       1  a training run that cannot go on
    ├── StoppedError        130  a training run that was asked to stop, and can go on
    └── MissingExtraError   3  an optional part that is not installed

Each message says what was wrong, with the value got, and what to do.
"""

import importlib
from types import ModuleType
from typing import ClassVar


class PosterError(Exception):
    """The base of every error that posterv2 raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(PosterError):
    """An option, an argument or a setting that cannot be."""

    exit_code = 2


class LabelsError(UsageError):
    """Class names that no label set explains, or two label sets that do not fit each other."""


class ImageError(PosterError):
    """A picture that is missing, empty, broken, too large or no picture at all."""


class ImageSizeError(ImageError):
    """A picture of more pixels than are allowed; it was not decoded."""


class VideoError(ImageError):
    """A video or camera that is missing, empty, no video, or broken; frames before the break were given already."""


class DatasetError(PosterError):
    """A data set that is missing, or laid out in a way that no reader knows."""


class WeightsError(PosterError):
    """A weight file that is missing, broken, or made for another network."""


class UnsafeWeightsError(WeightsError):
    """A weight file that asks for an object outside the allow-list; nothing of it was run."""


class OutputError(PosterError):
    """A file that cannot be written; what stood there before is still there."""


class ServiceError(PosterError):
    """What a service answers instead of results, or that it does not answer.

    Attributes:
        code: the service's own word for it, such as `not_a_picture`; `unreachable`, `timeout` or `no_service` where
            none of its answers came.
        status: of the HTTP answer; None where there was none.
    """

    def __init__(self, message: str, code: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TrainingError(PosterError):
    """A training run that cannot go on."""


class StoppedError(PosterError):
    """A run was asked to stop and did so; the message says how to go on."""

    exit_code = 130


class MissingExtraError(PosterError):
    """An optional part of posterv2 that is not installed."""

    exit_code = 3


def cut(text: str, length: int = 80) -> str:
    """The beginning of a text of any length and from anyone, for an error message."""
    return text if len(text) <= length else f"{text[:length]}..."


def first_line(error: Exception) -> str:
    """What another library's error says, for an error message of ours; some say nothing but their kind."""
    return cut((str(error) or repr(error)).splitlines()[0], 300)


def shown(value: object) -> str:
    """A value from a file for an error message: a word, a number or nothing as it is, anything else by its type alone.

    The `repr` of what is nested is not asked for: it may never end.
    """
    if isinstance(value, str):
        return repr(cut(value))
    if isinstance(value, int) and abs(value) >= 2**64:  # Python refuses to write very large ones
        return "a number of more than 64 bits"
    return repr(value) if value is None or isinstance(value, int | float) else f"a {type(value).__name__}"


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which comes with the optional part `extra`.

    Raises:
        MissingExtraError: `module` is not installed; the message holds the install command.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingExtraError(
            f"this needs {module!r}, which is not installed; install it with: pip install 'posterv2[{extra}]'"
        ) from error
