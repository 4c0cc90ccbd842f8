"""Why a network answered as it did: where its class token looked, and which places of a face speak for a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    import torch

    from posterv2.inference.engines.torch import TorchClassifier
    from posterv2.models.poster import PosterNetwork


_STRIDES = 16, 8  # of a token, and of a place of the image stream's last map, in pixels that the backbones see


@dataclass(frozen=True, eq=False)
class Explanation:
    """Two maps over the S x S pixels of a network's input, upright; 0 is nothing, and each has a scale of its own.

    Attributes:
        rollout: (S, S), float32: how much the answer takes from the tokens there, all three levels together.
        grad_cam: (S, S), float32: how much the image there speaks for a class; all 0 where nothing does.
    """

    rollout: np.ndarray
    grad_cam: np.ndarray


def explain(classifier: TorchClassifier, faces: Sequence[np.ndarray], classes: Sequence[int]) -> list[Explanation]:
    """Both maps of each face.

    Where the answer is the mean over a face and its mirror image, so are the maps, the latter's turned back.

    Args:
        classifier: its network is left as it was.
        faces: crops (H, W, 3) uint8 RGB each, of any size; the whole of each is used.
        classes: for each face the index of the class that its Grad-CAM is about.
    """
    import torch

    network, preprocessing = classifier.network, classifier.header.preprocessing
    found = []
    for face, wanted in zip(faces, classes, strict=True):  # one by one: a photo may hold many
        pixels = preprocessing.pixels(face)
        views = [pixels, pixels[:, ::-1]] if preprocessing.mirror else [pixels]
        inputs = torch.from_numpy(preprocessing.normalise(np.stack(views))).to(classifier.device)
        shares = attention_rollout(network, inputs).sum(dim=1)
        evidence = grad_cam(network, inputs, torch.full((len(views),), wanted, device=inputs.device))
        maps = [
            _upright(each.float().cpu().numpy(), stride * network.config.pixel_stride, preprocessing.size)
            for each, stride in zip((shares, evidence), _STRIDES, strict=True)
        ]
        found.append(Explanation(*maps))
    return found


def attention_rollout(network: PosterNetwork, inputs: torch.Tensor) -> torch.Tensor:
    """What the class token takes from each token, through all blocks of the encoder (Abnar and Zuidema 2020, eq. 1).

    A block's attention is the mean over its heads, mixed half and half with the identity, which stands for the
    residual; the product over the blocks tells what comes from where. The class token's own share is left out.

    Args:
        network: in eval mode, left as it was.
        inputs: (B, 3, S, S), normalised.

    Returns:
        (B, 3, side, side): levels, rows, columns; of each face 0..1 and together 1. The published size has 3 * 7 * 7
        tokens. An encoder without blocks looks at nothing: all alike.
    """
    import torch

    from posterv2.models.encoder import SelfAttention

    mixed: list[torch.Tensor] = []

    def keep(module: SelfAttention, given: tuple[torch.Tensor, ...], output: object) -> None:
        mixed.append(module.weights(given[0]).mean(dim=1))

    attentions = [module for module in network.encoder.modules() if isinstance(module, SelfAttention)]
    hooks = [attention.register_forward_hook(keep) for attention in attentions]
    try:
        with torch.inference_mode():
            network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    side = network.config.windows[2]
    tokens = 1 + 3 * side**2
    identity = torch.eye(tokens, device=inputs.device)
    flow = identity.expand(len(inputs), -1, -1)
    for attention in mixed:
        flow = (attention + identity) / 2 @ flow
    shares = flow[:, 0, 1:] if mixed else torch.ones(len(inputs), tokens - 1, device=inputs.device)
    return (shares / shares.sum(dim=1, keepdim=True)).unflatten(1, (3, side, side))


def grad_cam(network: PosterNetwork, inputs: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Which places of the image stream's last map speak for a class (Selvaraju et al. 2017, eq. 1 and 2).

    Each channel of the map is weighted by its mean gradient of the class's logit; what is below 0 is cut off.

    Args:
        network: in eval mode, left as it was.
        inputs: (B, 3, S, S), normalised.
        classes: (B,), int64: the class of each face that is asked about.

    Returns:
        (B, h, w), 0 or more, 14 x 14 at the published size.
    """
    import torch

    maps: list[torch.Tensor] = []

    def keep(module: torch.nn.Module, given: object, output: torch.Tensor) -> torch.Tensor:
        maps.append(output.detach().requires_grad_())  # a leaf: what comes before it needs no gradient
        return maps[0]

    hook = network.image_stream.stages[-1].register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(inputs)
            asked = logits.gather(1, classes[:, None]).sum()  # faces do not touch each other
            (gradients,) = torch.autograd.grad(asked, maps[0])
    finally:
        hook.remove()
    weights = gradients.mean(dim=(2, 3), keepdim=True)
    return (weights * maps[0].detach()).sum(dim=1).relu()


def _upright(views: np.ndarray, stride: int, size: int) -> np.ndarray:
    """Maps (V, h, w) of a face and perhaps of its mirror image as one over its pixels: (size, size)."""
    # The networks' strided convolutions look around the first pixel of each stride, not around its middle.
    matrix = np.array([[1 / stride, 0, 0], [0, 1 / stride, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = [
        cv2.warpAffine(view, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE) for view in views
    ]
    return np.mean([spread[0], *(view[:, ::-1] for view in spread[1:])], axis=0)
