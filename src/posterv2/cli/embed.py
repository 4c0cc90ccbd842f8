"""`posterv2 embed`: a data set as a plot, where faces that the network finds alike lie together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posterv2.cli import console, options

if TYPE_CHECKING:
    from posterv2.data.split import Split

_SEED = 0


def embed(
    data: options.Data,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Draw into FILE, a .png.")],
    dataset: options.Dataset = None,
    split: options.Split = None,
    faces: Annotated[int, typer.Option(metavar="N", min=4, help="Draw at most N faces, chosen by chance.")] = 2000,
    weights: options.Weights = None,
    labels: options.Labels = None,
    device: options.Device = "auto",
) -> None:
    """Draw the faces of a data set as points: those that the network finds alike lie together.

    The colour is the true class, a cross is a mistake. t-SNE of the features before the last layer; needs
    posterv2[explain]. Pictures are taken as face crops.

    \b
    Examples:
      posterv2 embed --data ferplus.zip -o map.png
      posterv2 embed --data RAF-DB/ -o map.png --faces 5000 --weights raf-db.pth --labels rafdb
    """
    console.check_output("-o", output, (".png",))
    from posterv2.checkpoints.catalog import DEFAULT
    from posterv2.data.dataset import open_split
    from posterv2.errors import require
    from posterv2.evaluation.answering import match
    from posterv2.evaluation.embedding import embed as embedded
    from posterv2.evaluation.embedding import flatten
    from posterv2.evaluation.embedding_plot import draw_embedding
    from posterv2.inference.engines.torch import TorchClassifier
    from posterv2.labels import label_set

    for module in ("torch", "matplotlib", "sklearn"):  # told now, not after minutes
        require(module, "explain")
    classifier = TorchClassifier(weights or DEFAULT, None if labels is None else label_set(labels), device)
    own = classifier.header.labels
    found = open_split(data, dataset, split, own)
    chosen = _at_most(found, faces)
    if len(chosen) < len(found):
        console.note(f"{len(chosen):,} of {len(found):,} faces are drawn, chosen by chance; --faces N draws more")
    with console.progress("Faces", len(chosen)) as advance:
        features, answers = embedded(classifier, match(chosen, own), advance)
    with console.progress("Arranging", None):
        points = flatten(features, _SEED)
    title = f"{data.name}, {chosen.name}: {len(chosen):,} faces, seen by {classifier.header.name}"
    draw_embedding(output, points, answers, title)
    console.note(f"wrote {output}: {len(chosen):,} faces, {answers.right.mean():.1%} right")


def _at_most(split: Split, most: int) -> Split:
    """The split, or `most` of its pictures by chance, the same each time."""
    import numpy as np

    kept = np.zeros(len(split), bool)
    kept[np.random.default_rng(_SEED).permutation(len(split))[:most]] = True
    return split.subset(kept)
