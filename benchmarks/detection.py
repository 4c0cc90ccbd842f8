"""How many faces each detector finds, by size and roll, how many boxes are false, and how long it takes.

    python benchmarks/detection.py ferplus.zip [face_detection_yunet.onnx]

Faces of FER2013Valid that have a majority are put into photos without a face (of scikit-image), four in each picture of
640 x 480. The size is the side of the FER2013 crop, which is about the height of the face from forehead to chin; the
roll turns the face in the picture. Not every such face looks within 45 degrees of the camera, so no detector finds all.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.inference.detection.detector import FaceDetector
from posterv2.inference.detection.factory import open_detector
from posterv2.preprocessing import read_image

SIZES = (40, 60, 100, 200)
ROLLS = (-45, -30, -15, 0, 15, 30, 45)
WIDTH, HEIGHT = 640, 480
PLACES = ((160, 120), (480, 120), (160, 360), (480, 360))
EMPTY = (
    *("coffee.png", "rocket.jpg", "chelsea.png", "brick.png", "grass.png", "gravel.png", "motorcycle_left.png"),
    *("hubble_deep_field.jpg", "retina.jpg", "ihc.png", "page.png", "clock_motion.png", "color.png", "moon.png"),
)
"""Photos of scikit-image without a face; a cat is among them. Others come with coins or people."""
PHOTO = Path(__file__).parents[1] / "samples" / "astronaut.jpg"


@dataclass
class Count:
    """What a detector did on some pictures."""

    faces: int = 0
    found: int = 0
    false: int = 0


def backgrounds() -> list[np.ndarray]:
    """Grey pictures without a face, (HEIGHT, WIDTH, 3)."""
    folder = Path(data.__file__).parent
    pictures = [cv2.resize(read_image(folder / name), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) for name in EMPTY]
    return [cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for picture in pictures]


def put(picture: np.ndarray, face: np.ndarray, place: tuple[float, float], size: int, roll: float) -> None:
    """Blend `face` into `picture` around `place`, turned clockwise by `roll`, with a soft oval border."""
    side = len(face)
    scale = size / side
    matrix = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), -roll, scale)
    matrix[:, 2] += np.array(place) - (side / 2 - 0.5)
    oval = np.zeros((side, side), np.float32)
    middle = (side // 2, side // 2)
    cv2.ellipse(oval, middle, (round(side * 0.46), round(side * 0.48)), 0, 0, 360, (1.0,), -1)
    oval = cv2.GaussianBlur(oval, (0, 0), side * 0.03)
    interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    alpha = cv2.warpAffine(oval, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)[..., None]
    turned = cv2.warpAffine(face, matrix, (WIDTH, HEIGHT), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
    picture[:] = np.round(alpha * turned + (1 - alpha) * picture).astype(np.uint8)


Scene = tuple[np.ndarray, list[tuple[float, float]]]


def scenes(split: Split, indices: np.ndarray, size: int, roll: float, seed: int) -> Iterator[Scene]:
    """Pictures with four faces each, and where the middles of these are."""
    generator = np.random.default_rng(seed)
    empty = backgrounds()
    for start in range(0, len(indices) - 3, 4):
        picture = empty[(start // 4) % len(empty)].copy()
        places = []
        for index, (x, y) in zip(indices[start : start + 4], PLACES, strict=True):
            room = max(0, 110 - size * 0.5)
            places.append((x + generator.uniform(-room, room), y + generator.uniform(-room, room)))
            put(picture, split.image(int(index)), places[-1], size, roll)
        yield picture, places


def count(detector: FaceDetector, picture: np.ndarray, places: list[tuple[float, float]], size: int) -> Count:
    """A box is right when its middle is near a face's and its longer side between half and twice the face."""
    left = list(places)
    result = Count(faces=len(places))
    for face in detector.detect(picture):
        x, y, width, height = face.box
        near = [
            place
            for place in left
            if max(abs(x + width / 2 - place[0]), abs(y + height / 2 - place[1])) < 0.35 * size
            and 0.5 < max(width, height) / size < 2
        ]
        if near:
            left.remove(near[0])
            result.found += 1
        else:
            result.false += 1
    return result


def milliseconds(detector: FaceDetector, picture: np.ndarray) -> float:
    """The median of five runs."""
    times = []
    for _ in range(6):
        start = time.perf_counter()
        detector.detect(picture)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]) * 1000


def report(name: str, detector: FaceDetector, split: Split, faces: int) -> None:
    """Print a table of the found shares, a row a size."""
    print(f"\n{name}: share of the faces found, by size in pixels (rows) and roll in degrees")
    print("size  " + "".join(f"{roll:>7}" for roll in ROLLS) + "  false boxes")
    chosen = np.random.default_rng(0).permutation(len(split))
    every = Count()
    for row, size in enumerate(SIZES):
        shares, false, boxes = [], 0, 0
        for column, roll in enumerate(ROLLS):
            part = chosen[:faces]
            counts = [count(detector, *scene, size) for scene in scenes(split, part, size, roll, row * 10 + column)]
            found = sum(one.found for one in counts)
            shares.append(found / sum(one.faces for one in counts))
            false += sum(one.false for one in counts)
            boxes += found
            every.faces += sum(one.faces for one in counts)
        every.found, every.false = every.found + boxes, every.false + false
        print(f"{size:>4}  " + "".join(f"{share:>7.1%}" for share in shares) + f"  {false} of {boxes + false}")
    empty = sum(len(detector.detect(picture)) for picture in backgrounds())
    false = every.false / max(1, every.false + every.found)
    print(f"all: {every.found / every.faces:.1%} found, {false:.1%} of the boxes false")
    print(f"{empty} box(es) in the {len(EMPTY)} photos without a face")
    photo = read_image(PHOTO)
    for width, height in ((512, 512), (1280, 720), (6000, 4000)):
        picture = cv2.copyMakeBorder(photo, 0, max(0, height - 512), 0, max(0, width - 512), cv2.BORDER_REFLECT)
        print(f"{width} x {height}: {milliseconds(detector, picture[:height, :width]):.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="FERPlus, a folder or a zip")
    parser.add_argument("detectors", nargs="*", default=["haar", "mtcnn"], help="names, or a YuNet file")
    parser.add_argument("--faces", type=int, default=200, help="for each size and roll")
    asked = parser.parse_args()
    split = open_split(asked.data, "ferplus", "valid")
    for name in asked.detectors:
        report(name, open_detector(name), split, asked.faces)


if __name__ == "__main__":
    main()
