"""The mistakes of docs/errors.md are made, and what is printed is what stands there."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from posterv2.checkpoints.catalog import DEFAULT

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "samples" / "astronaut.jpg"
WEIGHTS = ROOT / "src" / "posterv2" / "weights" / f"{DEFAULT}.safetensors"
ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| `(?P<typed>posterv2[^`]*)` \| `(?P<printed>[^`]+)` \| (?P<code>\d+) \|$", re.M
)


@dataclass(frozen=True)
class Mistake:
    """A row of the document."""

    name: str
    typed: str
    printed: str
    code: int

    @property
    def missing(self) -> str | None:
        """The module that must not be there."""
        found = re.search(r"with `(\w+)` missing", self.name)
        return found and found[1]


MISTAKES = [
    Mistake(row["name"], row["typed"], row["printed"], int(row["code"]))
    for row in ROW.finditer((ROOT / "docs" / "errors.md").read_text("utf-8"))
]


@pytest.fixture
def folder(tmp_path: Path, face_folders: Path) -> Path:
    """What the document's lines speak of."""
    here = tmp_path / "here"
    for name in ("photos", "empty"):
        (here / name).mkdir(parents=True)
    shutil.move(face_folders, here / "faces")
    photo, weights = PHOTO.read_bytes(), WEIGHTS.read_bytes()
    contents = {"photo.jpg": photo, "photos/photo.jpg": photo, "cut.jpg": photo[:3000], "zero.jpg": b""}
    contents |= {"text.jpg": b"hello\n", "text.pth": b"hello\n", "cut.safetensors": weights[:100_000]}
    contents |= {"clip.mp4": b"\0\0\0\x18ftypisom\0\0\0\0"}
    for name, content in contents.items():
        (here / name).write_bytes(content)
    Image.new("RGB", (200, 200)).save(here / "wall.png")
    Image.new("1", (20_000, 20_000)).save(here / "huge.png")
    return here


@contextmanager
def taken(port: int) -> Iterator[None]:
    """Somebody listens there; if not somebody else, then the test."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            pass
        yield


def without(module: str | None, folder: Path) -> dict[str, str]:
    """An environment in which a module cannot be imported, as if it were not installed."""
    if module is None:
        return {}
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules[{module!r}] = None\n")
    return {"PYTHONPATH": str(folder)}


def test_the_page_holds_forty():
    assert len({mistake.typed for mistake in MISTAKES}) >= 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.typed.removeprefix("posterv2 "))
def test_it_says_what_the_page_says(mistake: Mistake, folder: Path, tmp_path: Path):
    words = [sys.executable, "-m", "posterv2", *shlex.split(mistake.typed)[1:]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTERV2")}
    before = sorted(folder.rglob("*"))
    with taken(8000) if "in use" in mistake.name else nullcontext():
        done = subprocess.run(
            words,
            cwd=folder,
            env=environment | {"COLUMNS": "80"} | without(mistake.missing, tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == mistake.code, done.stderr
    printed = done.stderr.splitlines()[-1]
    assert len([line for line in done.stderr.splitlines() if not line.startswith("warning: ")]) == 1, done.stderr
    start, dots, _ = mistake.printed.partition("...")
    assert printed.startswith(start) if dots and mistake.printed.endswith("...") else printed == mistake.printed
    assert sorted(folder.rglob("*")) == before, "a mistake leaves nothing behind"
