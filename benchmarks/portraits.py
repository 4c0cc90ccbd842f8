"""Two portraits that installed packages ship, corrupted, through the whole pipeline: what it says, and where it doubts.

    python benchmarks/portraits.py [--weights FILE] [--uncertain-below 0.5] [--sheet FILE.jpg]

scikit-image's astronaut and Matplotlib's Grace Hopper, both in colour. The face is found in the photo; a square around
it, of three times what the network sees of it, is corrupted at each strength of `posterv2 robustness` and goes through
detection, alignment and the network. Shares of a side are of what the network sees, and covers cover that. Prints
Markdown; the sheet shows the astronaut's face as `posterv2 robustness --sheet` does.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import matplotlib.cbook
import numpy as np

from posterv2.evaluation.corruptions import CORRUPTIONS, Corruption
from posterv2.evaluation.markdown import table
from posterv2.evaluation.robustness_pictures import draw_corrupted
from posterv2.inference.cards import likeliest
from posterv2.inference.predictor import Predictor, load
from posterv2.inference.results import UNCERTAIN, Face
from posterv2.preprocessing import Box, read_image, turned_square

AROUND = 3
"""Side of the square over that of the face; a turned face has room in it."""
OF_SIDE = ("blurred", "motion blur")
OF_FACE = ("mask", "sunglasses", "rectangle")


@dataclass(frozen=True)
class Portrait:
    """A square photo; the middle third of its rows and columns is what the network sees of its face."""

    name: str
    pixels: np.ndarray

    @property
    def box(self) -> Box:
        """Where the face is."""
        side = len(self.pixels) // AROUND
        return side, side, side, side

    def corrupted(self, kind: Corruption, strength: float) -> np.ndarray:
        """The photo under a corruption whose strength is meant for its face."""
        if kind.name in OF_FACE:
            x, y, width, height = self.box
            picture = self.pixels.copy()
            picture[y : y + height, x : x + width] = kind(picture[y : y + height, x : x + width], strength, 0)
            return picture
        if kind.name in OF_SIDE:
            strength /= AROUND
        return kind(self.pixels, strength * AROUND if kind.name == "low resolution" else strength, 0)


def portraits(predictor: Predictor) -> list[Portrait]:
    """Both, each cut out around the face that is found in it."""
    hopper = str(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    files = {"astronaut": Path(__file__).parents[1] / "samples" / "astronaut.jpg", "Grace Hopper": Path(hopper)}
    found = []
    for name, file in files.items():
        photo = read_image(file)
        face = max(predictor(photo).faces, key=lambda face: face.score)
        side = len(predictor.classifier.header.preprocessing.crop(photo, face.box, face.landmarks))
        middle = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
        found.append(Portrait(name, turned_square(photo, middle, AROUND * side, 0, AROUND * side)))
    return found


def face_of(predictor: Predictor, picture: np.ndarray) -> Face | None:
    """The surest find whose middle lies in the middle third."""
    height, width = picture.shape[:2]
    near = 0.5 / AROUND
    found = [
        face
        for face in predictor(picture).faces
        if abs((face.box[0] + face.box[2] / 2) / width - 0.5) < near
        and abs((face.box[1] + face.box[3] / 2) / height - 0.5) < near
    ]
    return max(found, key=lambda face: face.score, default=None)


def says(face: Face | None) -> str:
    """The answer and the notes on the face's quality; in brackets what it would be, where it is uncertain."""
    if face is None:
        return "no face"
    assert face.quality is not None
    words = f"{likeliest(face)} {face.probability:.0%}"
    return ", ".join((f"uncertain ({words})" if face.expression == UNCERTAIN else words, *face.quality.notes))


def main() -> None:
    """Print a table for each portrait."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights")
    parser.add_argument("--uncertain-below", type=float, default=0.5)
    parser.add_argument("--sheet", type=Path)
    asked = parser.parse_args()
    predictor = load(asked.weights, uncertain_below=asked.uncertain_below)
    both = portraits(predictor)
    for portrait in both:
        plain = face_of(predictor, portrait.pixels)
        assert plain is not None
        rows, counts = [["corruption", "1", "2", "3", "4", "5"]], Counter[str]()
        for kind in CORRUPTIONS:
            faces = [face_of(predictor, portrait.corrupted(kind, strength)) for strength in kind.strengths]
            counts.update("no face" if face is None else face.expression for face in faces)
            rows.append([kind.name, *map(says, faces)])
        total = ", ".join(f"{name} {count}" for name, count in counts.most_common())
        side = portrait.box[2]
        print(f"{portrait.name}, face of {side} pixels; as it is: {says(plain)}; {counts.total()} corrupted: {total}\n")
        print(table(rows) + "\n")
    if asked.sheet is not None:
        x, y, width, height = both[0].box
        draw_corrupted(
            asked.sheet, predictor.classifier, both[0].pixels[y : y + height, x : x + width], asked.uncertain_below
        )


main()
