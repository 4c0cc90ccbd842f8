"""The rules of docs/architecture.md that no linter keeps, and that the linter keeps those given to it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import posterv2

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "posterv2"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST = 300  # lines

EXTRAS = (
    "torch",
    "torchmetrics",
    "matplotlib",
    "onnx",
    "openvino",
    "nncf",
    "av",
    "pyarrow",
    "pandas",
    "scipy",
    "sklearn",
    "httpx2",
    "websockets",
)
HEAVY = (*EXTRAS, "onnxruntime", "cv2", "numpy", "PIL", "rich")
BASE_LAYERS = ("cli", "data", "evaluation", "inference")
BASE_MODULES = (
    "adapters.deepface",
    "adapters.fer",
    "adapters.pyfeat",
    "checkpoints.catalog",
    "checkpoints.header",
    "client",
    "errors",
    "labels",
    "models.config",
    "preprocessing",
)


def name_of(file: Path) -> str:
    """src/posterv2/data/split.py -> posterv2.data.split"""
    return ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_file_holds_one_idea(file: Path):
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{file.relative_to(ROOT)} has {lines} lines: split it by its ideas"


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if file.name == "__init__.py" and file.parent not in (SOURCE, SOURCE / "cli")],
    ids=name_of,
)
def test_a_subpackage_says_what_it_is_and_no_more(file: Path):
    body = ast.parse(file.read_text(encoding="utf-8")).body
    assert len(body) == 1, "what a subpackage offers is imported from its modules"
    assert isinstance(body[0], ast.Expr)
    assert isinstance(body[0].value, ast.Constant)


def test_public_names_are_sorted_and_there():
    assert posterv2.__all__ == sorted(posterv2.__all__)
    for name in posterv2.__all__:
        assert getattr(posterv2, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = posterv2.no_such_name


def test_help_loads_nothing_heavy():
    """Nor does `import posterv2`, which is part of it."""
    done = run_python(
        "import sys, posterv2.cli\n"
        "sys.argv[1:] = ['--help']\n"
        "try: posterv2.cli.main()\n"
        "except SystemExit: pass\n"
        f"sys.exit(' '.join({{*{HEAVY}}} & {{*sys.modules}}) or 0)"
    )
    assert "Usage: posterv2" in done.stdout
    assert done.returncode == 0, f"loaded: {done.stderr}"


def test_the_base_needs_no_extra():
    """Every module that a base install may import does so where all that the extras bring is missing."""
    modules = [name_of(file) for layer in BASE_LAYERS for file in (SOURCE / layer).rglob("*.py")]
    modules += [f"posterv2.{module}" for module in BASE_MODULES]
    done = run_python(
        f"import importlib, sys\nsys.modules.update(dict.fromkeys({EXTRAS}))\n"
        f"for module in {sorted(modules)}: importlib.import_module(module)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("path", "line", "rule"),
    [
        ("inference/new.py", "import torch", "TID253"),
        ("checkpoints/new.py", "import torch", "TID253"),
        ("training/new.py", "from torch import load", "TID251"),
        ("checkpoints/format.py", "import pickle", "TID251"),
        ("checkpoints/format.py", "import torchvision", "TID251"),
        ("inference/new.py", "print(1)", "T201"),
        ("inference/new.py", "from . import results", "TID252"),
    ],
)
def test_the_linter_refuses(path: str, line: str, rule: str):
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [ruff, "check", "--no-cache", "--output-format=concise", "--stdin-filename", SOURCE / path, "-"],
        input=f'"""A module."""\n\n{line}\n',
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert rule in done.stdout
