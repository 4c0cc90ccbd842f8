"""posterv2: facial expression recognition with POSTER V2 (arXiv 2301.12149).

    import posterv2

    predictor = posterv2.load()
    for face in predictor("photo.jpg").faces:
        print(face.expression, face.probability, face.box)

Every public name is imported when it is first used: `import posterv2` alone is quick and loads no engine.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posterv2.errors import (
        DatasetError,
        ImageError,
        LabelsError,
        MissingExtraError,
        OutputError,
        PosterError,
        ServiceError,
        TrainingError,
        UnsafeWeightsError,
        UsageError,
        VideoError,
        WeightsError,
    )
    from posterv2.inference.predictor import Predictor, load
    from posterv2.inference.results import Face, Result
    from posterv2.inference.tables import to_pandas
    from posterv2.labels import Expression, LabelSet
    from posterv2.models.poster import PosterNetwork

__version__ = "0.1.0.dev0"

# Nobody is told that faces were looked at: as soon as they are imported ONNX Runtime and OpenVINO report their use to
# their makers, and keep a number for this machine in the home folder. Both can be told not to before that, thus.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]

__all__ = [
    "DatasetError",
    "Expression",
    "Face",
    "ImageError",
    "LabelSet",
    "LabelsError",
    "MissingExtraError",
    "OutputError",
    "PosterError",
    "Predictor",
    "Result",
    "ServiceError",
    "TrainingError",
    "UnsafeWeightsError",
    "UsageError",
    "VideoError",
    "WeightsError",
    "load",
    "load_network",
    "to_pandas",
]

_HOMES = {
    "posterv2.errors": tuple(name for name in __all__ if name.endswith("Error")),
    "posterv2.inference.predictor": ("Predictor", "load"),
    "posterv2.inference.results": ("Face", "Result"),
    "posterv2.inference.tables": ("to_pandas",),
    "posterv2.labels": ("Expression", "LabelSet"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def load_network(name_or_file: str | Path, labels: str | Sequence[str] | LabelSet | None = None) -> PosterNetwork:
    """The torch network (B, 3, S, S) -> (B, C) of an embedded model or of any weight file, in eval mode on the CPU.

    Args:
        name_or_file: `posterv2-nano`, or a weight file, published ones included.
        labels: the classes of a published file, which carries none: a label set's name or the names in index order.

    Raises:
        MissingExtraError: torch is not installed.
        WeightsError, LabelsError: as `checkpoints.network.open_weights` raises them.
    """
    from posterv2.errors import require

    require("torch", "torch")
    # By name, as all names below: the parts that the base stands on import this file, and none of them asks for torch.
    return importlib.import_module("posterv2.checkpoints.network").open_weights(name_or_file, labels)[0]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'posterv2' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
