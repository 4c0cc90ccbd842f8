"""The recipes for running the service: linted where the linters are installed, and pinned whole."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "posterv2.service"
EXPOSURE = 15  # of 100: what systemd-analyze security may say


def linted(*command: str | Path) -> None:
    linter = Path(sys.executable).with_name(str(command[0]))
    found = str(linter) if linter.exists() else shutil.which(command[0])
    if found is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr


def test_the_container_is_sound():
    linted("hadolint", ROOT / "Dockerfile")


def test_the_unit_is_sound_and_holds_little(tmp_path: Path):
    """With this Python's own command in place of the one that is installed elsewhere."""
    text = UNIT.read_text()
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/posterv2/bin/posterv2", sys.executable))
    linted("systemd-analyze", "verify", unit)
    linted("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", unit)


def test_both_run_the_service_as_nobody_in_particular():
    recipe, unit = (ROOT / "Dockerfile").read_text(), UNIT.read_text()
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", recipe, re.M)
    assert 'CMD ["posterv2", "serve", "--host", "0.0.0.0"]' in recipe
    assert "\nDynamicUser=yes\n" in unit
    assert re.search(r"^ExecStart=/opt/posterv2/bin/posterv2 serve ", unit, re.M)
    for text in (recipe, unit):
        assert "TOKEN=" not in re.sub(r"^#.*$", "", text, flags=re.M), "a token comes from outside"


def test_what_the_container_installs_is_pinned():
    pinned = dict(re.findall(r"^([\w.-]+)==(.+)$", (ROOT / "deploy" / "constraints.txt").read_text(), re.M))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for line in project["dependencies"] + extras["serve"] + extras["openvino"]:
        needed = Requirement(line)
        version = pinned[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version), f"deploy/constraints.txt has {needed.name}=={version}"
