"""Sixteen real faces, laid out as the data sets that people have; see `fixtures/make_layouts.py`.

The first face of each expression is for training, the second for validation.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from posterv2.inference.videowriter import VideoWriter
from tests.fixtures.make_clips import FPS, walk
from tests.fixtures.make_layouts import FACES, LAYOUTS


@pytest.fixture
def face_files() -> list[Path]:
    """The sixteen files, `anger_1.png` to `surprise_2.png`."""
    return sorted(FACES.glob("*.png"))


@pytest.fixture
def laid_out(tmp_path: Path) -> Callable[[str], Path]:
    """Makes one of `LAYOUTS` under the test's own folder."""

    def make(layout: str) -> Path:
        root = tmp_path / layout
        root.mkdir()
        LAYOUTS[layout](root)
        return root

    return make


@pytest.fixture
def face_folders(laid_out: Callable[[str], Path]) -> Path:
    """`train/happiness/happiness_1.png`, `valid/happiness/happiness_2.png` and so on: eight faces each."""
    return laid_out("folders")


@pytest.fixture
def ferplus_folders(laid_out: Callable[[str], Path]) -> Path:
    """FERPlus' own layout with `FER2013Train` and `FER2013Valid`: eight faces each."""
    return laid_out("ferplus")


@pytest.fixture
def ferplus_zip(tmp_path: Path, ferplus_folders: Path) -> Path:
    """The same in a zip, as FERPlus is passed around."""
    return Path(shutil.make_archive(str(tmp_path / "ferplus"), "zip", ferplus_folders))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people who walk about for two seconds."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoWriter(path, FPS) as writer:
        for number, scene in enumerate(walk(2, 2 * FPS, (640, 360))):
            writer.write(scene.image, number / FPS)
    return path
