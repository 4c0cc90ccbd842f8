"""posterv2's answer for calls that hold no predictor of their own, and its classes as the seven of other libraries."""

import threading
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from posterv2.inference.predictor import Predictor, load
from posterv2.inference.results import Face, Result

SEVEN = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "sad": "sadness",
    "surprise": "surprise",
    "neutral": "neutral",
}
"""The words of deepface and fer in their order, with ours for each."""

_one_at_a_time = threading.Lock()  # a predictor serves one thread, and those functions are called from many


def predict(image: np.ndarray, aligned: bool = False) -> Result:
    """The embedded model's result for `image`, (H, W, 3) uint8 RGB; it is loaded at the first call."""
    with _one_at_a_time:
        return _predictor()(image, aligned)


def seven(face: Face, names: Mapping[str, str] = SEVEN) -> dict[str, float]:
    """The face's probabilities under the keys of `names`, in their order; the values of `names` are our words.

    Those libraries know no contempt. What the model gives to it is left out, and the rest is divided by its own sum, so
    that it sums to 1 again: what the model would answer if it knew that the face shows one of the seven.
    """
    shares = {theirs: face.probabilities[ours] for theirs, ours in names.items()}
    total = sum(shares.values())
    # Where contempt has left nothing to any other class, nothing is known about those.
    return {theirs: share / total if total else 1 / len(names) for theirs, share in shares.items()}


@lru_cache(maxsize=1)
def _predictor() -> Predictor:
    return load()
