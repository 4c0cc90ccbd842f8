"""How large the embedded model is, and how fast it answers through ONNX Runtime on this CPU; `make bench` runs it."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import posterv2
from posterv2.checkpoints.catalog import DEFAULT
from posterv2.inference.classifier import probabilities
from posterv2.inference.engines.choice import open_classifier
from posterv2.preprocessing import read_image

PHOTO = Path(__file__).parents[1] / "samples" / "astronaut.jpg"
FACES = 512
REPEATS = 7


def seconds(job: Callable[[], object]) -> float:
    """The median of several runs; the first, which warms up, is left out."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and print."""
    photo = read_image(PHOTO)
    classifier, predictor = open_classifier(), posterv2.load()
    detector = predictor.detector
    found = detector.detect(photo)[0]
    face = classifier.header.preprocessing.crop(photo, found.box, found.landmarks)
    size = classifier.header.preprocessing.size
    pixels = np.zeros((64, size, size, 3), np.uint8)
    network = 64 / seconds(lambda: classifier.logits(pixels))
    crops = FACES / seconds(lambda: probabilities(classifier, [face] * FACES))
    print(f"posterv2 {posterv2.__version__}, onnxruntime {onnxruntime.__version__}, {os.cpu_count()} CPUs")
    print(f"{platform.platform()}, Python {platform.python_version()}")
    print(f"parameters                   {size_of()[0] / 1e6:8.2f} M")
    print(f"multiply-adds a face         {size_of()[1] / 1e9:8.4f} G")
    print(f"posterv2 --help              {seconds(run_help) * 1000:8.1f} ms")
    print(f"find the faces, 512 x 512    {seconds(lambda: detector.detect(photo)) * 1000:8.1f} ms")
    print(f"one photo, from its pixels   {seconds(lambda: predictor(photo)) * 1000:8.1f} ms")
    print(f"the network, batches of 64   {network:8.0f} faces/s")
    print(f"crops to probabilities       {crops:8.0f} faces/s")


def size_of() -> tuple[int, float]:
    """Parameters of the embedded network, and multiply-adds of one forward pass of one face."""
    network = posterv2.load_network(DEFAULT)
    face = torch.zeros(1, 3, network.config.image_size, network.config.image_size)
    # The counter sees attention as its matrix products only; elsewhere it takes an unmasked one for free.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        network(face)
    return sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() / 2


def run_help() -> None:
    """One start of the command line."""
    subprocess.run([sys.executable, "-m", "posterv2", "--help"], stdout=subprocess.DEVNULL, check=True)


main()
