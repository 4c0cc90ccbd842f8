"""What docs/serving.md says of the service is so: its commands and its Python run against one, its tables are whole."""

import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from posterv2.cli.serve import serve
from tests.serving.process import served

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
CURLS = re.findall(r"^curl .+$", TEXT, re.M)
PYTHON = re.findall(r"^```python\n(.+?)^```$", TEXT, re.M | re.S)
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def folder(tmp_path: Path, face_files: list[Path]) -> Path:
    shutil.copy(ROOT / "samples" / "astronaut.jpg", tmp_path / "photo.jpg")
    shutil.copy(face_files[0], tmp_path / "face.png")
    return tmp_path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as (_, address):
        yield address


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    with served(POSTERV2_TOKEN=TOKEN) as (_, address):
        yield address


@pytest.mark.parametrize("line", CURLS)
def test_curl(line: str, address: str, guarded: str, folder: Path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    asked = guarded if "$POSTERV2_TOKEN" in line else address
    line = line.replace("http://127.0.0.1:8000", asked).replace("curl ", "curl --fail --noproxy '*' ", 1)
    environment = {**os.environ, "POSTERV2_TOKEN": TOKEN}
    done = subprocess.run(line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("code", PYTHON)
def test_python(code: str, address: str, folder: Path):
    code = code.replace("http://127.0.0.1:8000", address)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "happiness" in done.stdout
    assert "422 not_a_picture picture: " in done.stdout


def test_there_is_something_to_run():
    assert len(CURLS) > 5
    assert PYTHON


def test_every_code_is_in_the_table():
    for file in (ROOT / "src" / "posterv2" / "serving").glob("*.py"):
        for status, code in re.findall(r"RefusalError\(\s*(\d{3}), \"(\w+)\"", file.read_text(encoding="utf-8")):
            assert re.search(rf"^\|.*\b{status}\b.*`{code}`", TEXT, re.M), f"{status} {code}"


def test_every_limit_is_in_the_table():
    for name, limit in inspect.signature(serve).parameters.items():
        if name.startswith("max_"):
            assert f"| `--{name.replace('_', '-')}` | {limit.default} |" in TEXT
