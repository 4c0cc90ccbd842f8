"""torch, on any device that it has: the network as it was trained, or made lean for answering alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posterv2.checkpoints.header import WeightsHeader
from posterv2.errors import UsageError, require
from posterv2.inference.classifier import expect_pixels
from posterv2.inference.engines.precision import Precision
from posterv2.labels import LabelSet

if TYPE_CHECKING:
    import torch

    from posterv2.models.poster import PosterNetwork


@contextmanager
def _whole_float32() -> Iterator[None]:
    """NVIDIA GPUs convolve float32 with 10 of its 23 bits (TF32) unless told not to: logits off by 4.5e-4 of norm."""
    import torch

    allowed = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = allowed


class _Torch:
    """What both ways have in common: the weights, the device, and faces that go there as bytes."""

    device: torch.device
    _forward: Callable[[torch.Tensor], torch.Tensor]

    def __init__(self, weights: str | Path, labels: LabelSet | None, device: str) -> None:
        require("torch", "torch")
        from posterv2.checkpoints.network import open_weights
        from posterv2.models.device import choose_device

        self.device = choose_device(device)
        self._network, self._header = open_weights(weights, labels)

    @property
    def header(self) -> WeightsHeader:
        """From the weight file; for a published one, with the labels that the user named."""
        return self._header

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 to (B, C) float32; only the rows that are looked at go to the device.

        Raises:
            UsageError: as from `classifier.expect_pixels`.
        """
        import torch

        expect_pixels(pixels, self._header)
        stride, preprocessing = self._header.config.pixel_stride, self._header.preprocessing
        # Whole rows, for those are copied fast; the device leaves out the columns.
        seen = torch.from_numpy(np.ascontiguousarray(pixels[:, ::stride])).to(self.device)[:, :, ::stride]
        scales = preprocessing.mean, preprocessing.std
        mean, std = (torch.tensor(values, device=self.device)[:, None, None] for values in scales)
        with torch.inference_mode(), _whole_float32():
            faces = (seen.permute(0, 3, 1, 2).float() / 255 - mean) / std  # channels last in memory, as they came
            return self._forward(faces).float().cpu().numpy()


class TorchClassifier(_Torch):
    """Any weight file that posterv2 reads, graphs excepted, run as it was trained: for those who look inside.

    Attributes:
        network: the torch module, in eval mode.
        device: where it runs.
    """

    def __init__(self, weights: str | Path, labels: LabelSet | None = None, device: str = "auto") -> None:
        """Load the weights and move the network to `device`: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

        Raises:
            MissingExtraError: torch is not installed.
            UsageError: there is no such device here.
            WeightsError, LabelsError: as `posterv2.load_network` raises them.
        """
        super().__init__(weights, labels, device)
        self.network: PosterNetwork = self._network.to(self.device).eval()

    def _forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.network(faces)


class LeanTorchClassifier(_Torch):
    """The same files with `models.lean.LeanNetwork`: the same logits for less work, in bfloat16 or compiled too."""

    def __init__(
        self,
        weights: str | Path,
        labels: LabelSet | None = None,
        device: str = "auto",
        precision: Precision = "fp32",
        compiled: bool = False,
    ) -> None:
        """Load the weights and move the network to `device`, as `TorchClassifier` does.

        Args:
            weights: an embedded model's name or the path of a weight file.
            labels: the classes of a published file.
            device: `auto` is the first there is of cuda, mps and cpu.
            precision: `bf16` needs a processor or a GPU that has it.
            compiled: hand the network to `torch.compile`; the first batches take minutes.

        Raises:
            UsageError: there is no such device here, or it has no bfloat16.
            MissingExtraError, WeightsError, LabelsError: as from `TorchClassifier`.
        """
        super().__init__(weights, labels, device)
        import torch

        from posterv2.models.device import has_bfloat16
        from posterv2.models.lean import LeanNetwork

        if precision == "bf16" and not has_bfloat16(self.device):
            raise UsageError(f"{self.device} here has no bfloat16 arithmetic; take precision fp32")
        lean = LeanNetwork(self._network, torch.bfloat16 if precision == "bf16" else torch.float32).to(self.device)
        del self._network
        self._forward = torch.compile(lean) if compiled else lean
