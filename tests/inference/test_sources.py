"""Folders give their pictures, in order, and nothing else."""

from pathlib import Path

import pytest

from posterv2.errors import ImageError
from posterv2.inference.sources import pictures_in


def test_pictures_of_all_folders_below(tmp_path: Path):
    names = [
        "b.jpg",
        "a/2.PNG",
        "a/1.jpeg",
        "a/notes.txt",
        "a/.hidden.jpg",
        ".git/x.png",
        "c.webp/inner.gif",
        "movie.mp4",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in pictures_in(tmp_path)]
    assert found == ["b.jpg", "a/1.jpeg", "a/2.PNG", "c.webp/inner.gif"]


def test_a_folder_without_pictures(tmp_path: Path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ImageError, match=r"no pictures or videos in this folder; looked for .*\.jpg"):
        pictures_in(tmp_path)
