"""The models inside the package."""

import hashlib
import os
from pathlib import Path

from posterv2.errors import WeightsError, shown

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
            f"there is no embedded model and no file {shown(name)}; embedded are: {', '.join(EMBEDDED)}; "
            "for your own weights give the path of a file that exists"
        )
    path = Path(__file__).parent.parent / "weights" / f"{name}{suffix}"
    if not path.is_file():
        raise WeightsError(f"this installation of posterv2 lacks {path.name}; install posterv2 again")
    return path


def located(name_or_file: str | Path, suffix: str) -> Path:
    """The file of an embedded model by its name, as from `embedded`, or else the file at a path.

    Raises:
        WeightsError: it is neither.
    """
    name = str(name_or_file)
    # os.path.exists says no to a name that no file can have, where Path.exists fails.
    return embedded(name, suffix) if name in EMBEDDED or not os.path.exists(name) else Path(name)


def digest(name_or_file: str | Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256; an embedded model's is that of its graph.

    Raises:
        WeightsError: as from `located`.
    """
    with located(name_or_file, ".onnx").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
