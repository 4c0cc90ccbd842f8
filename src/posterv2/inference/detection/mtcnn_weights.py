"""The numbers of MTCNN, read from the `mtcnn` distribution without unpickling anything.

Its three files are LZ4 frames around a pickle with raw float32 arrays in it. A file with the pinned SHA-256 holds each
array at a place that is known, so the arrays are taken from there, and nothing of the pickle is run.
"""

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from posterv2.errors import WeightsError

VERSION = "1.0.0"
"""The version of the distribution that the places below belong to."""

Arrays = Mapping[str, np.ndarray]
"""A network's arrays by name: kernels (height, width, in, out) or (in, out), biases and slopes of PReLU (out,)."""

SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""Of the files as they are distributed, so of what the places below are read from."""

_PLACES: dict[str, dict[str, tuple[int, tuple[int, ...]]]] = {
    "pnet": {
        "conv1": (240, (3, 3, 3, 10)),
        "conv1.bias": (1376, (10,)),
        "conv1.slope": (1472, (10,)),
        "conv2": (1568, (3, 3, 10, 16)),
        "conv2.bias": (7376, (16,)),
        "conv2.slope": (7504, (16,)),
        "conv3": (7632, (3, 3, 16, 32)),
        "conv3.bias": (26112, (32,)),
        "conv3.slope": (26304, (32,)),
        "box": (26496, (1, 1, 32, 4)),
        "box.bias": (27056, (4,)),
        "face": (27136, (1, 1, 32, 2)),
        "face.bias": (27440, (2,)),
    },
    "rnet": {
        "conv1": (240, (3, 3, 3, 28)),
        "conv1.bias": (3312, (28,)),
        "conv1.slope": (3488, (28,)),
        "conv2": (3664, (3, 3, 28, 48)),
        "conv2.bias": (52096, (48,)),
        "conv2.slope": (52352, (48,)),
        "conv3": (52608, (2, 2, 48, 64)),
        "conv3.bias": (101808, (64,)),
        "conv3.slope": (102128, (64,)),
        "dense": (102448, (576, 128)),
        "dense.bias": (397408, (128,)),
        "dense.slope": (397968, (128,)),
        "box": (398528, (128, 4)),
        "box.bias": (400624, (4,)),
        "face": (400688, (128, 2)),
        "face.bias": (401760, (2,)),
    },
    "onet": {
        "conv1": (240, (3, 3, 3, 32)),
        "conv1.bias": (3744, (32,)),
        "conv1.slope": (3936, (32,)),
        "conv2": (4128, (3, 3, 32, 64)),
        "conv2.bias": (77904, (64,)),
        "conv2.slope": (78224, (64,)),
        "conv3": (78544, (3, 3, 64, 64)),
        "conv3.bias": (226048, (64,)),
        "conv3.slope": (226368, (64,)),
        "conv4": (226688, (2, 2, 64, 128)),
        "conv4.bias": (357808, (128,)),
        "conv4.slope": (358384, (128,)),
        "dense": (358960, (1152, 256)),
        "dense.bias": (1538656, (256,)),
        "dense.slope": (1539728, (256,)),
        "box": (1540816, (256, 4)),
        "box.bias": (1544960, (4,)),
        "points": (1545040, (256, 10)),
        "points.bias": (1555328, (10,)),
        "face": (1555424, (256, 2)),
        "face.bias": (1557520, (2,)),
    },
}


def read_arrays(network: str) -> Arrays:
    """The arrays of `pnet`, `rnet` or `onet`.

    Raises:
        WeightsError: the distribution is not installed, or its file is not the pinned one.
    """
    path = _folder() / f"{network}.lz4"
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}; {_INSTALL}") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != SHA256[network]:
        raise WeightsError(f"{path}: its SHA-256 is {found}, it must be {SHA256[network]}; {_INSTALL}")
    import lz4.frame

    data = lz4.frame.decompress(packed)
    return {
        name: np.frombuffer(data, "<f4", count=int(np.prod(shape)), offset=offset).reshape(shape)
        for name, (offset, shape) in _PLACES[network].items()
    }


_INSTALL = f"the detector needs the files of this version: pip install --force-reinstall --no-deps mtcnn=={VERSION}"


def _folder() -> Path:
    spec = find_spec("mtcnn")  # which imports nothing: the package itself needs TensorFlow
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the mtcnn distribution is not installed; {_INSTALL}")
    return Path(next(iter(spec.submodule_search_locations))) / "assets" / "weights"
