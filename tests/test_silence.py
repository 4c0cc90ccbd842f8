"""posterv2 tells nobody that it is used, and neither do the runtimes that it stands on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PHOTO = Path(__file__).parents[1] / "samples" / "astronaut.jpg"
CODE = """
import sys

def listen(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork"):
        sys.exit(f"{event} {arguments}")

sys.addaudithook(listen)
import posterv2

print(posterv2.load(engine=sys.argv[1])(sys.argv[2]).faces[0].expression)
"""


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_nothing_is_sent_and_no_number_is_kept(engine: str, tmp_path: Path):
    """Both write the number that they report under into the home folder, before they know whether they can send it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_", "CI"))}
    done = subprocess.run(
        [sys.executable, "-c", CODE, engine, str(PHOTO)],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("happiness\n", 0), done.stderr
    written = {path.relative_to(tmp_path).parts[:2] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {(".cache", "posterv2")}
