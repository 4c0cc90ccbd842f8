"""A detector by its name."""

from pathlib import Path

from posterv2.errors import UsageError
from posterv2.inference.detection.detector import FaceDetector

NAMES = ("mtcnn", "haar")


def open_detector(name_or_path: str | Path = "mtcnn", threads: int = 0) -> FaceDetector:
    """A new detector: `mtcnn` (turned and tilted faces, with landmarks), `haar`, or the path of a YuNet file.

    MTCNN looks with so many `threads`, two at most.

    Raises:
        UsageError: no detector is called so, and no ONNX file either.
        WeightsError: the detector's file is missing, broken or of another network.
    """
    name = str(name_or_path)
    if name == "mtcnn":
        from posterv2.inference.detection.mtcnn import MtcnnDetector

        return MtcnnDetector(threads=threads)
    if name == "haar":
        from posterv2.inference.detection.haar import HaarDetector

        return HaarDetector()
    if Path(name).suffix.lower() == ".onnx":
        from posterv2.inference.detection.yunet import YuNetDetector

        return YuNetDetector(name)
    raise UsageError(
        f"there is no detector {name!r}; choose one of {', '.join(NAMES)}, or the path of a YuNet .onnx file"
    )
