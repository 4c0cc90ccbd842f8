"""How large the models are, how fast they start, and what memory they take.

    python benchmarks/speed.py

Seconds are medians; memory is the peak of a process of its own, as Linux tells of it (VmHWM).
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import posterv2
from posterv2.checkpoints.catalog import DEFAULT
from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import WeightsHeader
from posterv2.export.export import export
from posterv2.inference.classifier import probabilities
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import Preprocessing, read_image

ROOT = Path(__file__).parents[1]
PHOTO, FACE = ROOT / "samples" / "astronaut.jpg", ROOT / "tests" / "fixtures" / "faces" / "happiness_1.png"
REPEATS = 7
COMMAND = """
import sys
from posterv2.cli import main
sys.argv = ["posterv2", "--quiet", *sys.argv[1:]]
try:
    main()
finally:
    status = open("/proc/self/status").read()
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024, file=sys.stderr)
"""


def seconds(job: Callable[[], object]) -> float:
    """The median of several runs; the first, which warms up, is left out."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def size_of(network: PosterNetwork) -> tuple[int, float, float]:
    """Parameters, multiply-adds of one face's forward pass, and those of convolutions and linear layers alone."""
    face = torch.zeros(1, 3, network.config.image_size, network.config.image_size)
    # The counter sees attention as its matrix products only; elsewhere it takes an unmasked one for free.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        network(face)
    attention = sum(flops for name, flops in counter.get_flop_counts()["Global"].items() if "bmm" in str(name))
    flops = counter.get_total_flops()
    return sum(each.numel() for each in network.parameters()), flops / 2, (flops - attention) / 2


def process(*words: str) -> tuple[float, float]:
    """Median seconds and the largest peak in MB of `posterv2 predict face.png --aligned` in a process of its own."""
    peaks: list[float] = []

    def run() -> None:
        command = [sys.executable, "-c", COMMAND, "predict", str(FACE), "--aligned", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(float(done.stderr.splitlines()[-1]))

    return seconds(run), max(peaks)


def starts(folder: Path) -> None:
    """How long one face takes from a cold start, and with how much memory."""
    weights = folder / "posterv2.safetensors"
    network = build("posterv2", 8)
    save(weights, network, WeightsHeader("posterv2", network.config, LABEL_SETS["ferplus"], Preprocessing()))
    export(weights, folder / "posterv2.onnx", "onnx")
    export(weights, folder / "posterv2.xml", "openvino")
    runs = [(engine, DEFAULT) for engine in ("onnxruntime", "openvino", "torch")]
    runs += [(engine, str(weights)) for engine in ("onnxruntime", "openvino", "torch")]
    runs += [("onnxruntime", str(folder / "posterv2.onnx")), ("openvino", str(folder / "posterv2.onnx"))]
    runs += [("openvino", str(folder / "posterv2.xml"))]
    print("\n| predict face.png --aligned | engine | s | peak MB |\n|---|---|---|---|")
    for engine, name in runs:
        took, peak = process("--engine", engine, "--weights", name)
        print(f"| {Path(name).name} | {engine} | {took:.2f} | {peak:.0f} |", flush=True)


def main() -> None:
    """Measure and print."""
    print(f"posterv2 {posterv2.__version__}, {os.cpu_count()} CPUs, {platform.platform()}, {platform.python_version()}")
    print(
        "\n| network | parameters | multiply-adds a face | of them convolutions and linear layers |\n|---|---|---|---|"
    )
    for name, network in (("posterv2", build("posterv2", 7)), (DEFAULT, posterv2.load_network(DEFAULT))):
        parameters, all_of_them, alone = size_of(network.eval())
        print(f"| {name} | {parameters / 1e6:.2f} M | {all_of_them / 1e9:.4f} G | {alone / 1e9:.4f} G |")
    importing = seconds(lambda: subprocess.run([sys.executable, "-c", "import posterv2"], check=True))
    bare = seconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    helping = [sys.executable, "-m", "posterv2", "--help"]
    help_seconds = seconds(lambda: subprocess.run(helping, stdout=subprocess.DEVNULL, check=True))
    photo, predictor = read_image(PHOTO), posterv2.load()
    detector, preprocessing = predictor.detector, predictor.classifier.header.preprocessing
    found = detector.detect(photo)[0]
    face = preprocessing.crop(photo, found.box, found.landmarks)
    pixels = np.repeat(preprocessing.pixels(face)[None], 64, axis=0)
    rows = {
        "import posterv2, beyond Python's own start": f"{1000 * (importing - bare):.0f} ms",
        "posterv2 --help": f"{1000 * help_seconds:.0f} ms",
        "find the faces of a 512 x 512 photo, with MTCNN": f"{1000 * seconds(lambda: detector.detect(photo)):.0f} ms",
        "one photo, from its pixels to the answer": f"{1000 * seconds(lambda: predictor(photo)):.0f} ms",
        "the network, 64 faces at once": f"{64 / seconds(lambda: predictor.classifier.logits(pixels)):,.0f} faces/s",
        "crops to probabilities, each with its mirror image": (
            f"{512 / seconds(lambda: probabilities(predictor.classifier, [face] * 512)):,.0f} faces/s"
        ),
    }
    print(f"\n| {DEFAULT} | |\n|---|---|")
    print("\n".join(f"| {what} | {figure} |" for what, figure in rows.items()))
    with tempfile.TemporaryDirectory() as folder:
        starts(Path(folder))


if __name__ == "__main__":
    main()
