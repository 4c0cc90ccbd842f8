"""posterv2 tells nobody that it is used, and neither do the runtimes that it stands on."""

import os
import shutil
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


VERBS = {
    "predict": "predict photo.jpg -o rows.csv --draw drawn",
    "predict a video": "predict clip.mp4 -o rows.jsonl --timeline timeline.html",
    "evaluate": "evaluate --data faces --report report.html",
    "robustness": "robustness --data faces",
    "explain": "explain photo.jpg -o why.png",
    "train": "train ferplus --data faces --out run model=posterv2-nano epochs=1 batch_size=4",
    "data check": "data check faces",
    "weights list": "weights list",
    "weights inspect": "weights inspect posterv2-nano",
    "export": "export onnx nano.onnx",
    "info": "info",
}
LISTENING = """
import sys

def listen(event, arguments):
    # A socket within this machine is no network: multiprocessing has some.
    if event == "socket.getaddrinfo" or event == "socket.connect" and not isinstance(arguments[1], (str, bytes)):
        sys.stderr.write(f"asked the network: {event} {arguments}")
        sys.stderr.flush()
        import os
        os._exit(99)

sys.addaudithook(listen)
from posterv2.cli import main

main()
"""


def listened(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LISTENING, *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_asks_the_network(verb: str, tmp_path: Path, face_folders: Path, clip: Path):
    """Seen by Python's own sockets; what is written in C is asked by the test above."""
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    shutil.copy(clip, tmp_path / "clip.mp4")
    face_folders.rename(tmp_path / "faces")
    done = listened(VERBS[verb].split(), tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_network_is_asked_where_that_is_wanted(tmp_path: Path):
    """The listener above hears what it is for."""
    done = listened(["predict", "http://127.0.0.1:9/photo.jpg", "--allow-urls"], tmp_path)
    assert done.returncode == 99, done.stderr
