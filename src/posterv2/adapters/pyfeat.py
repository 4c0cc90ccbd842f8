"""`Detector` as py-feat has it: `from posterv2.adapters.pyfeat import Detector`.

Its shape is that of py-feat's modular detector, `Detector` up to 0.7 and `Detectorv1` in 2.1.5, as documented in
github.com/cosanlab/py-feat by docs/basic_tutorials/Detecting_Images.py, the docstring of `detect` (feat/detector.py),
and the lists of columns (feat/utils/__init__.py). Columns for landmarks, pose, action units, gaze and identity are left
out: posterv2 has no such answers. py-feat's `Detectorv2` names its emotions in other words and is not followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posterv2.adapters.answers import seven
from posterv2.errors import UsageError, require
from posterv2.inference.predictor import load
from posterv2.inference.results import Result

if TYPE_CHECKING:
    from posterv2.adapters.fex import Fex

_EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")  # words that are ours too


class Detector:
    """Their class; the models behind it are posterv2's own, so there is none to choose.

    One detector serves one thread at a time.
    """

    def __init__(self, device: str = "cpu") -> None:
        """Load the embedded model on `device`: `auto`, `cpu`, `cuda` or `mps`.

        Raises:
            MissingExtraError: pandas is not installed, or torch, which all devices but the CPU need.
            UsageError: there is no such device here.
        """
        require("pandas", "pandas")
        self._predictor = load(device=device)

    def detect(
        self,
        inputs: str | Path | Sequence[str | Path],
        data_type: str = "image",
        output_size: int | None = None,
        batch_size: int = 1,
        num_workers: int = 0,
        pin_memory: bool = False,
        face_detection_threshold: float = 0.5,
        progress_bar: bool = True,
    ) -> Fex:
        """Find the faces of pictures and name the emotion of each.

        Args:
            inputs: a path or a list of paths.
            data_type: `image` alone.
            output_size, batch_size, num_workers, pin_memory, progress_bar: without effect: pictures may differ in size,
                and the faces of a call share batches.
            face_detection_threshold: faces with a lower score are left out.

        Returns:
            A row for each face, in the order of `inputs` and from left to right; for a picture without a face one row,
            with FaceScore 0 and missing values.
            `FaceRectX`, `FaceRectY`, `FaceRectWidth`, `FaceRectHeight`: the box in pixels.
            `FaceScore`: how sure the detector is, 0..1.
            `anger`, `disgust`, `fear`, `happiness`, `sadness`, `surprise`, `neutral`: shares that sum to 1; contempt is
            left out, as `answers.seven` says.
            `FrameHeight`, `FrameWidth`: of the picture in pixels.
            `input`: its path. `frame`: its place in `inputs`, from 0.

        Raises:
            UsageError: another data type.
            ImageError: a picture that cannot be read.
        """
        from posterv2.adapters.fex import COLUMNS, Fex

        if data_type.lower() != "image":
            raise UsageError(
                f"the py-feat adapter takes data_type 'image', got {data_type!r}; for videos there is "
                "posterv2 predict CLIP -o ROWS.csv"
            )
        paths = [inputs] if isinstance(inputs, str | Path) else list(inputs)
        results = self._predictor(paths)
        rows = [row for frame, result in enumerate(results) for row in _rows(result, frame, face_detection_threshold)]
        return Fex(rows, columns=COLUMNS)

    def detect_image(self, inputs: str | Path | Sequence[str | Path], batch_size: int = 1) -> Fex:
        """As `detect` with pictures: the call of py-feat up to 0.6."""
        return self.detect(inputs, batch_size=batch_size)


Detectorv1 = Detector
"""Its name in py-feat 2."""


def _rows(result: Result, frame: int, threshold: float) -> list[tuple[object, ...]]:
    size = float(result.height), float(result.width)
    names = {name: name for name in _EMOTIONS}
    rows: list[tuple[object, ...]] = [
        (*map(float, face.box), face.score, *seven(face, names).values(), *size, result.source, frame)
        for face in result.faces
        if face.score >= threshold
    ]
    missing = float("nan")
    return rows or [(*[missing] * 4, 0.0, *[missing] * len(names), *size, result.source, frame)]
