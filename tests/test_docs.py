"""What the documents tell a reader to type works.

In README.md and docs/*.md, every ```python block runs as it stands, and of every ```console block the lines that
begin with `posterv2 `, in a folder that holds what the documents speak of: `photo.jpg` and `photos/`, two people who
walk about for two seconds in `clip.mp4`, the class
folders `faces/` and FERPlus as `ferplus.zip`, both with eight faces to train on and eight to evaluate on.
A block under `<!-- not run: why -->` is skipped for that reason.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- not run: (?P<why>.+?) -->\n+)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Snippet:
    """One block of a document, and where it stands."""

    place: str
    language: str
    text: str
    why_not: str | None

    def command(self) -> list[str] | None:
        """What runs it; None where there is nothing to run."""
        if self.language == "python":
            return [sys.executable, "-W", "error", "-c", self.text]
        text = self.text.replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.startswith("posterv2 ")]
        return ["bash", "-euc", "\n".join(lines)] if self.language == "console" and lines else None


def snippets(document: Path) -> list[Snippet]:
    text = document.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        line = text[: match.start("text")].count("\n")
        found.append(Snippet(f"{document.name}:{line}", match["language"], match["text"], match["why"]))
    return found


ALL = [snippet for document in DOCUMENTS for snippet in snippets(document)]


@pytest.fixture
def scratch(tmp_path: Path, face_folders: Path, ferplus_zip: Path, clip: Path) -> Path:
    folder = tmp_path / "scratch"
    (folder / "photos").mkdir(parents=True)
    for photo in (folder / "photo.jpg", folder / "photos" / "astronaut.jpg"):
        shutil.copy(ROOT / "samples" / "astronaut.jpg", photo)
    shutil.copy(clip, folder / "clip.mp4")
    shutil.move(face_folders, folder / "faces")
    shutil.move(ferplus_zip, folder)
    return folder


@pytest.mark.parametrize("snippet", [s for s in ALL if s.command()], ids=lambda snippet: snippet.place)
def test_snippet_runs(snippet: Snippet, scratch: Path):
    if snippet.why_not:
        pytest.skip(snippet.why_not)
    command = snippet.command()
    assert command is not None
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=scratch, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{snippet.place}\n{done.stdout}{done.stderr}"


def test_readme_shows_python_and_the_command_line():
    """The rule above finds what it is for."""
    readme = [s for s in snippets(DOCUMENTS[0]) if s.command() and not s.why_not]
    assert {"python", "console"} <= {snippet.language for snippet in readme}


def test_links_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
