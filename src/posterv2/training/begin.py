"""The network that a run begins with."""

from collections.abc import Callable
from dataclasses import replace

from posterv2.checkpoints.backbones import load_backbone
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.network import open_weights
from posterv2.errors import WeightsError
from posterv2.labels import LabelSet
from posterv2.models.poster import PosterNetwork, build
from posterv2.preprocessing import Preprocessing
from posterv2.training.config import DATA_LABELS, TrainConfig
from posterv2.training.plan import Plan

_HEAD = "classifier."


def begin(plan: Plan, labels: LabelSet, warning: Callable[[str], None]) -> tuple[PosterNetwork, Preprocessing]:
    """A plan's network, filled from the files it begins with, and what a face becomes for it.

    Raises:
        WeightsError: a file does not fit.
        LabelsError: the weights carry other labels than the config's.
    """
    config, start = plan.config, plan.start
    if start.weights is not None and config.labels == DATA_LABELS:
        network, preprocessing = _with_new_head(plan, labels)
    else:
        network = build(config.model, len(labels))
        preprocessing = Preprocessing(
            network.config.image_size,
            grayscale=config.grayscale,
            margin=config.margin,
            mirror=config.mirror,
            exposure=config.exposure,
        )
        if start.weights is not None:
            _fill(network, plan)
    if start.backbone is not None:
        load_backbone(network, start.backbone, "image_stream")
    if start.landmarks is not None:
        load_backbone(network, start.landmarks, "landmark_stream")
    _warn_of_randomness(config, plan, warning)
    network.landmark_stream.requires_grad_(not config.freeze_landmarks)
    return network, preprocessing


def _fill(network: PosterNetwork, plan: Plan) -> None:
    assert plan.start.weights is not None
    other, _ = open_weights(plan.start.weights, plan.config.labels)
    if other.config != network.config:
        raise WeightsError(
            f"{plan.start.weights} holds another network than {plan.config.model}: {other.config}; "
            "for classes of your own take the recipe custom"
        )
    network.load_state_dict(other.state_dict())


def _with_new_head(plan: Plan, labels: LabelSet) -> tuple[PosterNetwork, Preprocessing]:
    """The network of the weights, for other classes: its head begins anew, unless the classes are the same."""
    assert plan.start.weights is not None
    trained, header = open_weights(plan.start.weights)
    network = build(replace(trained.config, classes=len(labels)))
    kept = {
        name: value
        for name, value in trained.state_dict().items()
        if _same_classes(header, labels) or not name.startswith(_HEAD)
    }
    network.load_state_dict(network.state_dict() | kept)
    return network, header.preprocessing


def _same_classes(header: WeightsHeader, labels: LabelSet) -> bool:
    return header.labels.names == labels.names


def _warn_of_randomness(config: TrainConfig, plan: Plan, warning: Callable[[str], None]) -> None:
    start = plan.start
    if start.weights is None and config.model == "posterv2" and start.backbone is None:
        warning(
            "THE IMAGE STREAM STARTS FROM RANDOM WEIGHTS. The published figures need both backbones: users who trained "
            "without them report about 81 % on RAF-DB instead of 92 %. Give --backbone ir50.pth"
        )
    if start.weights is None and start.landmarks is None and config.freeze_landmarks:
        warning(
            "THE LANDMARK STREAM IS FROZEN AT RANDOM WEIGHTS and will never learn. Give --landmarks "
            "mobilefacenet_model_best.pth.tar, or train it with freeze_landmarks=false"
        )
