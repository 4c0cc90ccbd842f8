"""The models inside the package."""

from pathlib import Path

from posterv2.errors import WeightsError

DEFAULT = "posterv2-nano"
"""The model that answers where none is named."""

EMBEDDED = (DEFAULT,)
"""The names of all models inside the package."""


def embedded(name: str, suffix: str) -> Path:
    """The file of an embedded model: `.safetensors` for torch, `.onnx` for ONNX Runtime.

    Raises:
        WeightsError: there is no such model, or this installation lacks its file.
    """
    if name not in EMBEDDED:
        raise WeightsError(
            f"there is no embedded model and no file {name!r}; embedded are: {', '.join(EMBEDDED)}; "
            "for your own weights give the path of a file that exists"
        )
    path = Path(__file__).parent.parent / "weights" / f"{name}{suffix}"
    if not path.is_file():
        raise WeightsError(f"this installation of posterv2 lacks {path.name}; install posterv2 again")
    return path
