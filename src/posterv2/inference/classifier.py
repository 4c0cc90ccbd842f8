"""From face crops to probabilities; whatever engine runs the network, it stands behind one `Classifier`."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from posterv2.calibration import softmax
from posterv2.checkpoints.header import WeightsHeader
from posterv2.errors import UsageError, WeightsError


class Classifier(Protocol):
    """A network with its header, whatever engine runs it."""

    @property
    def header(self) -> WeightsHeader:
        """The label contract, the preprocessing and the rest of what stands in the weight file."""
        ...

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """What `Preprocessing.pixels` made of B faces, (B, S, S, 3) uint8, to (B, C) float32; B from 1 up."""
        ...


def expect_pixels(pixels: np.ndarray, header: WeightsHeader) -> None:
    """Refuse what is no batch for the network: runtimes disagree on what can be done with it.

    Raises:
        UsageError: it is not (B, S, S, 3) uint8, B from 1 up.
    """
    wanted = header.config.image_size, header.config.image_size, 3
    if pixels.ndim != 4 or not len(pixels) or pixels.shape[1:] != wanted or pixels.dtype != np.uint8:
        raise UsageError(
            f"the network takes faces as uint8 (B, {', '.join(map(str, wanted))}), B from 1 up; got {pixels.dtype} "
            f"{pixels.shape}"
        )


def probabilities(classifier: Classifier, faces: Sequence[np.ndarray], batch_size: int = 64) -> np.ndarray:
    """Every class's probability for each face crop, by the calibration that stands in the weight file.

    Arguments and errors are those of `face_logits`.

    Returns:
        (N, C), float32, rows in the order of `faces` and summing to 1.
    """
    logits, calibration = face_logits(classifier, faces, batch_size), classifier.header.calibration
    return softmax(logits if calibration is None else calibration(logits))


def face_logits(classifier: Classifier, faces: Sequence[np.ndarray], batch_size: int = 64) -> np.ndarray:
    """What the network says about each face crop, and about its mirror image if the header asks for that.

    Args:
        classifier: its header holds the preprocessing and the classes.
        faces: (H, W, 3) uint8 RGB each, of any size; the whole of each is used.
        batch_size: how many go through the network at once, mirror images among them, and one face at least.

    Returns:
        (N, C), float32, rows in the order of `faces`.

    Raises:
        WeightsError: the network gave numbers that are not finite.
    """
    preprocessing = classifier.header.preprocessing
    parts: list[np.ndarray] = [np.empty((0, len(classifier.header.labels)), np.float32)]
    together = max(1, batch_size // 2) if preprocessing.mirror else batch_size
    for start in range(0, len(faces), together):
        pixels = np.stack([preprocessing.pixels(face) for face in faces[start : start + together]])
        if preprocessing.mirror:  # in one batch: small ones cost more a face
            pixels = np.concatenate([pixels, pixels[:, :, ::-1]])
        logits = classifier.logits(pixels)
        if preprocessing.mirror:
            logits = (logits[: len(logits) // 2] + logits[len(logits) // 2 :]) / 2
        if not np.isfinite(logits).all():
            raise WeightsError(f"{classifier.header.name}: the network gave numbers that are not finite")
        parts.append(logits)
    return np.concatenate(parts)
