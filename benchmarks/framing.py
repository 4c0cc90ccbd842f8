"""How the crop around a found face should be framed: accuracy through detection, beside that of the faces as given.

    python benchmarks/framing.py ferplus.zip [--faces 800]

Faces of FER2013Valid that have a majority are enlarged to 160 pixels, put into a photo without a face and found there.
The share is `preprocessing._CASCADE_SHARE`: the side of the square that is cut out, over the height of MTCNN's box. A
face that is not found counts as a wrong answer.
"""

import argparse

import cv2
import numpy as np
from skimage import data

from posterv2 import preprocessing
from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.inference.classifier import Classifier, probabilities
from posterv2.inference.detection.detector import Detection
from posterv2.inference.detection.factory import open_detector
from posterv2.inference.engines.choice import open_classifier

SIDE, CORNER = 160, (120, 80)
SHARES = (0.7, 0.76, 0.82, 0.88, 0.94, 1.0)


def scene(face: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """The photo with the face in it."""
    picture, (x, y) = photo.copy(), CORNER
    picture[y : y + SIDE, x : x + SIDE] = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return picture


def best(found: list[Detection]) -> Detection | None:
    """The surest find whose middle lies within the face."""
    middles = [(face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2) for face in found]
    inside = [
        face
        for face, (x, y) in zip(found, middles, strict=True)
        if CORNER[0] < x < CORNER[0] + SIDE and CORNER[1] < y < CORNER[1] + SIDE
    ]
    return max(inside, key=lambda face: face.score, default=None)


def accuracy(classifier: Classifier, split: Split, chosen: np.ndarray, crops: list[np.ndarray | None]) -> float:
    """Share of the chosen faces that are named rightly; those without a crop are not."""
    order = [split.labels.names.index(name) for name in classifier.header.labels.names]
    seen = [index for index, crop in enumerate(crops) if crop is not None]
    answers = probabilities(classifier, [crop for crop in crops if crop is not None]).argmax(axis=1)
    return float((np.array(order)[answers] == split.targets[chosen][seen]).sum() / len(chosen))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="FERPlus, a folder or a zip")
    parser.add_argument("--faces", type=int, default=800)
    asked = parser.parse_args()
    split, classifier = open_split(asked.data, "ferplus", "valid"), open_classifier()
    chosen = np.random.default_rng(0).permutation(len(split))[: asked.faces]
    faces = [split.image(int(index)) for index in chosen]
    photo = cv2.resize(data.coffee(), (400, 320))
    print(f"{len(faces)} faces; as given: {accuracy(classifier, split, chosen, list(faces)):.2%}")
    pictures = [scene(face, photo) for face in faces]
    for name in ("mtcnn", "haar"):
        detector = open_detector(name)
        found = [best(detector.detect(picture)) for picture in pictures]
        print(f"{name}: {sum(face is not None for face in found) / len(found):.2%} found")
        for share in SHARES if name == "mtcnn" else (None,):
            if share is not None:
                preprocessing._CASCADE_SHARE = share
            crops = [
                None if face is None else classifier.header.preprocessing.crop(picture, face.box, face.landmarks)
                for face, picture in zip(found, pictures, strict=True)
            ]
            words = "its box" if share is None else f"share {share:.2f}"
            print(f"    {words}: {accuracy(classifier, split, chosen, crops):.2%}")


main()
