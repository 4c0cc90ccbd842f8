"""Recipes, settings and what is refused."""

import re

import pytest

from posterv2.errors import LabelsError, PosterError, UsageError
from posterv2.training.config import TrainConfig, load_config, recipes, settings


def test_every_recipe_loads() -> None:
    assert set(recipes()) == {
        "affectnet7",
        "affectnet8",
        "caers",
        "custom",
        "ferplus",
        "ferplus-nano",
        "ferplus-nano-more",
        "rafdb",
    }
    for name in recipes():
        assert load_config(name).recipe == name


@pytest.mark.parametrize(
    ("recipe", "lr", "erase", "area", "sampler"),
    [
        ("rafdb", 3.5e-5, 0.5, (0.02, 0.1), "shuffle"),
        ("affectnet7", 1e-6, 1.0, (0.05, 0.05), "balanced"),
        ("affectnet8", 1e-6, 1.0, (0.05, 0.05), "balanced"),
        ("caers", 4e-5, 1.0, (0.05, 0.05), "shuffle"),
    ],
)
def test_published_settings(recipe: str, lr: float, erase: float, area: tuple[float, float], sampler: str) -> None:
    config = load_config(recipe)
    assert (config.lr, config.erase, config.erase_area, config.sampler) == (lr, erase, area, sampler)
    assert (config.model, config.labels, config.epochs, config.batch_size) == ("posterv2", recipe, 200, 144)
    assert (config.optimizer, config.weight_decay, config.schedule, config.lr_decay) == ("adam", 0, "exponential", 0.98)
    assert (config.sam_rho, config.flip, config.precision, config.clip_norm) == (0.05, 0.5, "fp32", 0)
    assert config.freeze_landmarks
    assert config.landmark_statistics
    assert config.sam_statistics
    assert config.crop == "whole"
    assert (config.soft_labels, config.label_smoothing, config.ema, config.rotation) == (False, 0, 0, 0)


def test_overrides_are_typed() -> None:
    config = load_config(
        "ferplus", ["epochs=3", "lr=1e-3", "model=posterv2-nano", "erase_area=[0.05, 0.05]", "soft_labels=true"]
    )
    assert (config.epochs, config.lr, config.model) == (3, 1e-3, "posterv2-nano")
    assert config.erase_area == (0.05, 0.05)
    assert config.soft_labels is True
    assert load_config("ferplus", ["lr=1"]).lr == 1.0


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epochs", "name=value, got 'epochs'"),
        ("epoch=3", "no setting 'epoch'; the settings are"),
        ("epochs=0", "epochs must be at least 1, got 0"),
        ("epochs=many", "epochs must be of type int, got 'many'"),
        ("epochs=1.5", "epochs must be of type int, got 1.5"),
        ("lr=-1", "lr must be above 0, got -1"),
        ("lr=true", "lr must be of type float, got True"),
        ("lr=nan", "lr must be above 0, got nan"),
        ("soft_labels=1", "soft_labels must be of type bool, got 1"),
        ("optimizer=lion", "optimizer must be one of adam, adamw, sgd, got 'lion'"),
        ("erase_area=0.1", "erase_area needs 2 values"),
        ("erase_area=[0.2, 0.1]", "the smaller first"),
        ("flip=1.5", "flip is a share from 0 to 1, got 1.5"),
        ("model=resnet", "posterv2, posterv2-nano"),
        ("ema=1", "ema is a decay from 0 to below 1, got 1"),
        ("holdout=0.6", "above 0 and up to 0.5, got 0.6"),
        ("accumulate=200", "parts a batch of 144 faces, got 200 parts"),
        ("seed=99999999999999999999", "seed must be below"),
        ("batch_size=99999999999", "batch_size must be at most 1,048,576"),
        ("recipe=rafdb", "cannot be a setting"),
        ("clip_norm=1", "sam_rho=0 or clip_norm=0"),
    ],
)
def test_impossible_settings_are_refused(override: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        load_config("ferplus", [override])


def test_unknown_recipe_and_labels() -> None:
    with pytest.raises(UsageError, match="rafdb"):
        load_config("raf")
    with pytest.raises(LabelsError, match="affectnet7"):
        load_config("ferplus", ["labels=raf"])
    assert issubclass(LabelsError, PosterError)


def test_every_setting_is_explained() -> None:
    rows = settings()
    assert [name for name, _, _ in rows] == list(TrainConfig.__dataclass_fields__)
    assert all(meaning for _, _, meaning in rows)
