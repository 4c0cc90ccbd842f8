"""`posterv2 info` says what a bug report needs."""

import platform
import subprocess
import sys

import onnxruntime
import torch
from typer.testing import CliRunner

from posterv2 import __version__
from posterv2.cli import app, info


def lines() -> dict[str, str]:
    text = CliRunner().invoke(app, ["info"]).stdout
    return {line[:24].strip(): line[24:].strip() for line in text.splitlines()[1:]}


def test_versions_engines_and_extras():
    found = lines()
    assert found["posterv2"] == __version__
    assert found["Python"].startswith(platform.python_version())
    assert found["onnxruntime"] == onnxruntime.__version__
    assert "CPU" in found["engine ONNX Runtime"]
    assert found["engine torch"].startswith(f"{torch.__version__} on cpu")
    assert found["extra torch"].startswith("torch ")
    assert "model posterv2-nano" in found
    assert not any(name.endswith(" dev") for name in found)


def test_missing_extras_show_their_install_command(monkeypatch):
    monkeypatch.setattr(info, "_packages_by_extra", lambda: {"video": ["no-such-package", "numpy"]})
    assert lines()["extra video"] == "pip install 'posterv2[video]' (lacks no-such-package)"


def test_extras_are_those_that_the_package_declares():
    extras = info._packages_by_extra()
    assert extras["torch"] == ["torch", "torchmetrics"]
    assert {"video", "plot", "export", "serve", "batch"} <= set(extras)
    assert "dev" not in extras


def test_without_torch():
    code = (
        "import importlib.util as u, sys\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'torch' else find(name, *rest)\n"
        "sys.argv[1:] = ['info']\n"
        "from posterv2.cli import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "not installed" in next(line for line in done.stdout.splitlines() if line.startswith("engine torch"))
