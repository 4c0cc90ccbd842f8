"""One training step of the published recipe, beside the published step written straightforwardly.

    python benchmarks/training.py [--batch 16] [--device cpu] [--repeats 5] [--json OUT]

The straightforward step: float32, batch norms and maps in the default layout, attention as two matrix products with a
softmax between, 224 px floats, Adam one tensor at a time, each JPEG decoded anew. Both take the same faces, in turns,
within one run; the ratio of the medians is what counts.
"""

import argparse
import io
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from straightforward import explicit
from torch.nn import functional as F

from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing, read_image
from posterv2.training import sam
from posterv2.training.augment import normalise
from posterv2.training.config import load_config
from posterv2.training.faces import Faces, epoch_order
from posterv2.training.loop import Training, train_epoch

PHOTO = Path(__file__).parents[1] / "samples" / "astronaut.jpg"
GIGA_MULTIPLY_ADDS = 8.6  # a face's forward pass; two passes of SAM with a backward of twice the cost make six


def straightforward(batch: int, device: torch.device, face: bytes) -> Callable[[], dict[str, float]]:
    """The published step; what it gives are the seconds of its parts."""
    config = load_config("rafdb")
    network = build("posterv2", 7).to(device).train()
    network.landmark_stream.requires_grad_(False)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, config.lr, foreach=False)
    preprocessing = Preprocessing()
    targets = torch.eye(7, device=device)[torch.arange(batch) % 7]

    def step() -> dict[str, float]:
        start = time.perf_counter()
        pixels = np.stack([preprocessing.pixels(read_image(face)) for _ in range(batch)])
        faces = normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2), preprocessing).contiguous().to(device)
        loaded = time.perf_counter()

        def forward_backward(perturbed: bool) -> None:
            F.cross_entropy(network(faces), targets).backward()

        with explicit():
            sam.step(optimizer, forward_backward, config.sam_rho)
        wait(device)
        return {"load": loaded - start, "step": time.perf_counter() - start}

    return step


def ours(batch: int, device: torch.device, face: bytes, precision: str) -> Callable[[], dict[str, float]]:
    """Our step from decoded faces, with its loading and augmentation."""
    config = load_config("rafdb", [f"batch_size={batch}", f"precision={precision}"])
    network, preprocessing = build("posterv2", 7), Preprocessing()
    network.landmark_stream.requires_grad_(False)
    pixels = np.repeat(preprocessing.pixels(read_image(face))[None, ::2], batch, axis=0)
    classes = np.arange(batch) % 7
    faces = Faces(pixels, np.eye(7, dtype=np.float32)[classes], classes)
    training = Training.of(network, preprocessing, config, 1, device)

    def step() -> dict[str, float]:
        start = time.perf_counter()
        faces.batch(epoch_order(faces, config, 1))
        loaded = time.perf_counter()
        train_epoch(training, faces, 1)
        wait(device)
        return {"load": loaded - start, "step": time.perf_counter() - loaded}

    return step


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Measure in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device, batch = torch.device(options.device), options.batch
    jpeg = io.BytesIO()  # RAF-DB's aligned faces are 100 x 100
    Image.fromarray(read_image(PHOTO)[50:190, 160:300]).resize((100, 100)).save(jpeg, "JPEG")
    face = jpeg.getvalue()
    steps = {
        "straightforward, fp32": straightforward(batch, device, face),
        "posterv2, fp32": ours(batch, device, face, "fp32"),
        "posterv2, bf16": ours(batch, device, face, "bf16"),
    }
    times: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
    for repeat in range(options.repeats + 1):
        for name, step in steps.items():
            seconds = step()
            if repeat:  # the first warms up
                times[name].append(seconds)
    medians = {
        name: {part: statistics.median(row[part] for row in rows) for part in rows[0]} for name, rows in times.items()
    }
    base = medians["straightforward, fp32"]["step"]
    rows = [
        {
            "step": name,
            "seconds": round(median["step"], 4),
            "faces_per_second": round(batch / median["step"], 2),
            "speedup": round(base / median["step"], 2),
            "loading_share": round(median["load"] / median["step"], 4),
            "tera_flops": round(batch * GIGA_MULTIPLY_ADDS * 2 * 6 / median["step"] / 1000, 3),
        }
        for name, median in medians.items()
    ]
    tiles = "with" if torch.cpu.get_capabilities().get("amx_bf16") else "without"
    threads = f"{torch.get_num_threads()} threads, {tiles} AMX tiles"
    machine = torch.cuda.get_device_name() if device.type == "cuda" else threads
    print(f"batch {batch}, {device} ({machine}), torch {torch.__version__}, {platform.platform()}")
    print(f"{'step':<24}{'s':>9}{'faces/s':>10}{'speedup':>9}{'loading':>9}{'TFLOP/s':>9}")
    for row in rows:
        figures = f"{row['seconds']:>9.3f}{row['faces_per_second']:>10.1f}{row['speedup']:>9.2f}"
        print(f"{row['step']:<24}{figures}{row['loading_share']:>9.2%}{row['tera_flops']:>9.3f}")
    if options.json:
        options.json.write_text(json.dumps({"batch": batch, "machine": machine, "rows": rows}, indent=2) + "\n")


main()
