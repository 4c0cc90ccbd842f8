"""MTCNN's numbers come from the pinned files alone, and nothing in them is run."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import WeightsError
from posterv2.inference.detection import mtcnn_weights
from posterv2.inference.detection.mtcnn_weights import SHA256, read_arrays


@pytest.mark.parametrize(("network", "count"), [("pnet", 6632), ("rnet", 100178), ("onet", 389040)])
def test_every_number_is_there_once(network: str, count: int):
    arrays = read_arrays(network)
    assert sum(array.size for array in arrays.values()) == count
    for name, array in arrays.items():
        assert array.dtype == np.float32
        assert np.isfinite(array).all(), name
        assert np.abs(array).max() < 10, name  # bytes read from a wrong place would be anything
        assert np.abs(array).max() > 1e-5, name


def test_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mtcnn_weights, "_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"pnet\.lz4: No such file.*pip install .*mtcnn==1\.0\.0"):
        read_arrays("pnet")
    (tmp_path / "pnet.lz4").write_bytes(b"another")
    with pytest.raises(WeightsError, match=r"pip install .*mtcnn==1\.0\.0") as caught:
        read_arrays("pnet")
    assert SHA256["pnet"] in str(caught.value)
    assert hashlib.sha256(b"another").hexdigest() in str(caught.value)


def test_without_the_distribution(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mtcnn_weights, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"not installed.*mtcnn==1\.0\.0"):
        read_arrays("onet")


def test_nothing_is_unpickled_and_its_code_is_not_imported():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "sys.modules.update(dict.fromkeys(('mtcnn', 'joblib', 'tensorflow', 'pickle', 'torch')))\n"  # imports fail
            "del sys.modules['mtcnn'], sys.modules['pickle']\n"
            "from posterv2.inference.detection.mtcnn_weights import read_arrays\n"
            "import pickle, _pickle\n"
            "def refuse(*args, **kwargs): raise SystemExit('unpickled')\n"
            "pickle.load = pickle.loads = pickle.Unpickler = _pickle.Unpickler = refuse\n"
            "read_arrays('onet')\n"
            "print('mtcnn' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
