"""What the maps of `posterv2 explain` are worth, for the embedded model.

    python benchmarks/explain.py ferplus.zip [--faces 200] [--seeds 10]

Likeness is Spearman's correlation of two maps of a face, over all of its pixels, mean over the faces. Maps that do not
change where the weights are random explain the picture and not the network (Adebayo et al. 2018). Of a map that is
right about a network, what it marks matters: there the face is covered with its mean grey (Samek et al. 2017).
"""

import argparse
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from scipy.stats import rankdata

from posterv2.data.dataset import open_split
from posterv2.evaluation.explain import Explanation, explain
from posterv2.inference.classifier import probabilities
from posterv2.inference.engines.torch import TorchClassifier
from posterv2.models.config import PosterConfig
from posterv2.models.poster import PosterNetwork, build

KINDS = ("rollout", "grad_cam")
COVERED = 0.2  # of a face's pixels
BLOTS = 6  # places a side of a map by chance


def random_network(config: PosterConfig, seed: int, inputs: torch.Tensor) -> PosterNetwork:
    """A network that has learned nothing, but whose batch norms fit the faces: else its signal would die out."""
    torch.manual_seed(seed)
    network = build(config)
    with torch.no_grad():
        for _ in range(30):
            network(inputs)
    return network.eval()


def likeness(ones: Sequence[Explanation], others: Sequence[Explanation], kind: str) -> float:
    """From -1 to 1; a map that is everywhere the same is unlike any other, 0."""
    found = []
    for one, other in zip(ones, others, strict=True):
        a, b = getattr(one, kind).ravel(), getattr(other, kind).ravel()
        found.append(np.corrcoef(rankdata(a), rankdata(b))[0, 1] if np.ptp(a) and np.ptp(b) else 0.0)
    return float(np.mean(found))


def changed(classifier: TorchClassifier, faces: Sequence[np.ndarray], maps: Sequence[np.ndarray]) -> float:
    """The share of the faces whose answer changes where the most of a map is covered."""
    covered = []
    for face, relevance in zip(faces, maps, strict=True):
        face = face.copy()
        order = np.argsort(-relevance, axis=None, kind="stable")[: round(COVERED * relevance.size)]
        face.reshape(-1, 3)[order] = face.mean()
        covered.append(face)
    before, after = (probabilities(classifier, each).argmax(axis=1) for each in (faces, covered))
    return float((before != after).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a data set, a folder or a zip")
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    split, classifier = open_split(asked.data), TorchClassifier("posterv2-nano", device="cpu")
    chance = np.random.default_rng(0)
    preprocessing, trained = classifier.header.preprocessing, classifier.network
    faces = [preprocessing.pixels(split.image(index)) for index in chance.permutation(len(split))[: asked.faces]]
    answers = [int(index) for index in probabilities(classifier, faces).argmax(axis=1)]
    maps = explain(classifier, faces, answers)
    again = explain(classifier, faces, answers)
    second = [int(row.argsort()[-2]) for row in probabilities(classifier, faces)]
    other_class = explain(classifier, faces, second)
    inputs = torch.from_numpy(preprocessing.normalise(np.stack(faces)))
    untrained = []
    for seed in range(asked.seeds):
        classifier.network = random_network(trained.config, seed, inputs)
        untrained.append(explain(classifier, faces, answers))
    classifier.network = trained

    blots = chance.random((len(faces), BLOTS, BLOTS), np.float32)
    size = (preprocessing.size, preprocessing.size)
    print(f"{len(faces)} faces; by chance {changed(classifier, faces, [cv2.resize(blot, size) for blot in blots]):.0%}")
    for kind in KINDS:
        values = [likeness(maps, each, kind) for each in untrained]
        print(f"{kind}: likeness to itself {likeness(maps, again, kind):.2f}")
        print(f"    random weights {np.mean(values):.2f}, one network from {min(values):.2f} to {max(values):.2f}")
        print(f"    another face {likeness(maps, maps[1:] + maps[:1], kind):.2f}")
        print(f"    second likeliest class {likeness(maps, other_class, kind):.2f}")
        most = [getattr(each, kind) for each in maps]
        others = most[1:] + most[:1]
        print(f"    answers changed by covering {COVERED:.0%} {changed(classifier, faces, most):.0%}", end="")
        print(f", by the map of another face {changed(classifier, faces, others):.0%}")


if __name__ == "__main__":
    main()
