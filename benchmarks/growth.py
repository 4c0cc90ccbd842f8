"""How the cost grows with faces at once, with faces in a photo, and with cores: the picture in docs/performance.md.

    python benchmarks/growth.py docs/images/growth.png

Through OpenVINO. Each number of cores is measured in a process of its own that is held to so many.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from inference import MODELS, weights_of

from posterv2.export.faces import real_faces
from posterv2.inference.engines.choice import open_classifier
from posterv2.inference.engines.measure import medians
from posterv2.inference.predictor import load
from posterv2.preprocessing import read_image

PHOTO = Path(__file__).parents[1] / "samples" / "astronaut.jpg"
BATCHES = {"posterv2": (1, 2, 4, 8, 16, 32), "posterv2-nano": (1, 2, 4, 8, 16, 32, 64, 128)}
IN_A_PHOTO = (1, 2, 4, 8, 12)
PRECISIONS = ("fp32", "bf16")


def crowd(count: int) -> np.ndarray:
    """A picture of 1280 x 720 with so many faces in it."""
    portrait = read_image(PHOTO)[20:220, 120:330]
    picture = np.full((720, 1280, 3), 90, np.uint8)
    for number in range(count):
        row, column = divmod(number, 4)
        top, left = 30 + 225 * row, 40 + 300 * column
        picture[top : top + portrait.shape[0], left : left + portrait.shape[1]] = portrait
    return picture


def measured(cores: int) -> dict[str, dict[str, float]]:
    """Faces a second by model and precision and batch, and seconds by faces in a photo, on the first cores."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    result: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for model in MODELS:
            for precision in PRECISIONS:
                classifier = open_classifier(weights_of(model, Path(folder)), None, "cpu", "openvino", precision)
                faces = real_faces(classifier.header.preprocessing, max(BATCHES[model]))
                jobs = {batch: partial(classifier.logits, faces[:batch]) for batch in BATCHES[model]}
                seconds = medians(jobs, 3)
                result[f"{model} {precision}"] = {str(batch): batch / each for batch, each in seconds.items()}
    predictor = load(engine="openvino")
    crowds = {count: crowd(count) for count in IN_A_PHOTO}
    for count, picture in crowds.items():
        assert len(predictor(picture).faces) == count, f"{len(predictor(picture).faces)} of {count} faces found"
    seconds = medians({count: partial(predictor, picture) for count, picture in crowds.items()}, 3)
    result["photo"] = {str(count): each for count, each in seconds.items()}
    return result


def draw(by_cores: dict[int, dict[str, dict[str, float]]], path: Path) -> None:
    """Three panels: both models by the batch, and photos by their faces."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.5))
    for place, model in zip(axes, MODELS, strict=False):
        for cores, result in by_cores.items():
            for colour, precision in zip(("tab:blue", "tab:orange"), PRECISIONS, strict=True):
                speeds = result[f"{model} {precision}"]
                words = f"{precision}, {cores} core" + "s" * (cores > 1)
                style = "o-" if cores == max(by_cores) else "o:"
                place.plot([int(batch) for batch in speeds], list(speeds.values()), style, color=colour, label=words)
        place.set(title=model, xlabel="faces at once", ylabel="faces a second", xscale="log", ylim=(0, None))
        place.set_xticks(BATCHES[model], [str(batch) for batch in BATCHES[model]])
        place.minorticks_off()
    for cores, result in by_cores.items():
        counts, times = [int(count) for count in result["photo"]], [1000 * each for each in result["photo"].values()]
        style = "o-" if cores == max(by_cores) else "o:"
        axes[2].plot(counts, times, style, color="tab:green", label=f"{cores} core" + "s" * (cores > 1))
    title = "a photo of 1280 x 720, found and named"
    axes[2].set(title=title, xlabel="faces in it", ylabel="milliseconds", ylim=(0, None))
    for place in axes:
        place.grid(alpha=0.3)
        place.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure each number of cores, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--alone", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        sys.stdout.write(json.dumps(measured(options.alone)))
        return
    by_cores = {}
    for cores in options.cores:
        command = [sys.executable, __file__, str(options.picture), "--alone", str(cores)]
        by_cores[cores] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for what, values in by_cores[cores].items():
            print(cores, what, {key: round(value, 3 if what == "photo" else 1) for key, value in values.items()})
    draw(by_cores, options.picture)


if __name__ == "__main__":
    main()
