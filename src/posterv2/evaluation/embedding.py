"""What a network makes of faces before it names them, and that in two dimensions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from posterv2.errors import DatasetError, require
from posterv2.evaluation.answering import Matched, answer
from posterv2.evaluation.answers import Answers

if TYPE_CHECKING:
    from posterv2.inference.engines.torch import TorchClassifier

_NEIGHBOURS = 30  # t-SNE's perplexity, where there are enough faces
_FEWEST = 4


def embed(
    classifier: TorchClassifier, matched: Matched, advance: Callable[[str], None] = lambda words: None
) -> tuple[np.ndarray, Answers]:
    """The features of each picture of a split, and the answers that came of them.

    Features are the gated class token, the input of the classifier's last layer. Where the answer is the mean over a
    face and its mirror image, so are they: that layer is linear, so the answer is exactly that of the mean.

    Args:
        advance: called after each picture with how it goes so far, in words.

    Returns:
        (N, D), float32, in the order of the split; and the answers.

    Raises:
        DatasetError, WeightsError: as from `answer`.
    """
    tokens: list[np.ndarray] = []
    hook = classifier.network.classifier.register_forward_pre_hook(
        lambda module, given: tokens.append(given[0].float().cpu().numpy())
    )
    try:
        answers = answer(classifier, matched, advance)
    finally:
        hook.remove()
    views = 2 if classifier.header.preprocessing.mirror else 1  # of each batch, the faces and behind them their images
    batches = [np.mean(np.split(batch, views), axis=0) for batch in tokens]
    return np.concatenate([np.empty((0, classifier.header.config.embed_dim), np.float32), *batches]), answers


def flatten(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Features (N, D) in two dimensions by t-SNE, alike faces close together: (N, 2), float32.

    van der Maaten and Hinton 2008, as scikit-learn has it, begun with the two main directions. The same on one machine
    for the same seed.

    Raises:
        MissingExtraError: scikit-learn is not installed.
        DatasetError: fewer than four faces.
    """
    if len(features) < _FEWEST:
        raise DatasetError(f"a plot needs at least {_FEWEST} faces, got {len(features)}")
    require("sklearn", "explain")
    from sklearn.manifold import TSNE

    perplexity = min(_NEIGHBOURS, (len(features) - 1) / 3)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(features).astype(np.float32)
