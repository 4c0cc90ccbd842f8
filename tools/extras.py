"""Each extra in an environment that has nothing else: it installs, its verb works, and how much it weighs.

    python tools/extras.py dist/posterv2-*.whl [EXTRA ...]

Prints the table of the README. Packages come from where pip finds them; a minute an extra.
"""

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

SERVED = """
import os, signal, subprocess, sys, time, urllib.request
served = subprocess.Popen([os.path.join(sys.prefix, "bin", "posterv2"), "serve", "--port", "8765"])
for _ in range(100):
    time.sleep(0.3)
    try:
        page = urllib.request.urlopen("http://127.0.0.1:8765/").read()
        break
    except OSError:
        pass
served.send_signal(signal.SIGINT)
served.wait()
sys.exit(b"<html" not in page)
"""
CLIP = """
from PIL import Image
from posterv2.inference.videowriter import VideoWriter
import numpy as np
frame = np.asarray(Image.open("photo.jpg").convert("RGB"))
with VideoWriter("clip.mp4", 25) as writer:
    for number in range(10):
        writer.write(frame, number / 25)
"""
TRAINED = "posterv2 train ferplus --data faces --out run model=posterv2-nano epochs=1 batch_size=4"
# What a user of each does first; bash, in a folder with photo.jpg, photos/ and the class folders faces/.
TRIES = {
    "": "posterv2 predict photo.jpg | grep happiness && posterv2 info && python -c 'import posterv2'",
    "torch": f"posterv2 predict photo.jpg --engine torch | grep happiness && {TRAINED}",
    "plot": "posterv2 robustness --data faces --plot plot.png && test -s plot.png",
    "pandas": "python -c \"import posterv2; print(posterv2.to_pandas(posterv2.load()(['photo.jpg'])))\"",
    "export": "posterv2 export onnx nano.onnx && test -s nano.onnx",
    "openvino": "posterv2 predict photo.jpg --engine openvino | grep happiness",
    "video": f"python -c '{CLIP}' && posterv2 predict clip.mp4 -o rows.parquet --draw out.mp4 && test -s rows.parquet",
    "serve": f"python -c '{SERVED}'",
    "client": "python -c 'import posterv2.client'",
    "batch": "posterv2 batch photos rows && test -n \"$(find rows -name '*.parquet')\"",
    "ray": (
        "ray start --head --num-cpus 2 --include-dashboard=false && "
        "posterv2 batch photos rows --address auto && test -n \"$(find rows -name '*.parquet')\"; "
        "code=$?; ray stop; exit $code"
    ),
    "log": "python -c 'import tensorboard'",
    "explain": "posterv2 explain photo.jpg -o why.png && posterv2 embed --data faces -o map.png && test -s map.png",
}


def extras() -> list[str]:
    """Those of pyproject.toml, less the one for developers."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    return [name for name in named if name != "dev"]


def prepare(folder: Path) -> None:
    """What the tries speak of."""
    sys.path.insert(0, str(ROOT))
    from tests.fixtures.make_layouts import LAYOUTS

    photo = (ROOT / "samples" / "astronaut.jpg").read_bytes()
    for path in (folder / "photo.jpg", folder / "photos" / "photo.jpg"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photo)
    (folder / "faces").mkdir()
    LAYOUTS["folders"](folder / "faces")


def tried(wheel: Path, extra: str, work: Path) -> tuple[int, int]:
    """Install the wheel with one extra into an empty environment and use it: how many packages it has, and MB.

    Raises:
        CalledProcessError: it does not install, or does not work.
    """
    environment, folder = work / "environment", work / "folder"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip = [environment / "bin" / "pip", "--disable-pip-version-check"]
    what = f"{wheel}[{extra}]" if extra else str(wheel)
    constraints = ROOT / "constraints.txt"
    subprocess.run([*pip, "install", "--quiet", "--no-compile", "-c", constraints, what], check=True)
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True).stdout
    packages = environment / "lib" / f"python{PYTHON}" / "site-packages"
    megabytes = subprocess.run(["du", "-sm", packages], check=True, capture_output=True, text=True).stdout.split()[0]
    folder.mkdir()
    prepare(folder)
    path = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(work), "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", TRIES[extra]],
        cwd=folder,
        env=path,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        done.check_returncode()
    return len(listed.splitlines()), int(megabytes)


def main(wheel: str, chosen: Iterable[str]) -> None:
    """Try the base and the chosen extras, all of them if none is named; a row each."""
    base = None
    for extra in ("", *(chosen or extras())):
        with tempfile.TemporaryDirectory() as work:
            found = tried(Path(wheel).resolve(), extra, Path(work))
        base = base or found
        packages, megabytes = found if not extra else (found[0] - base[0], found[1] - base[1])
        sign = "+" if extra else ""
        sys.stdout.write(f"| `{extra or 'base'}` | {sign}{packages} | {sign}{megabytes} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
