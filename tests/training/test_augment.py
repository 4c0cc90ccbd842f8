"""Augmentation: what is drawn, how often, and that nothing else changes."""

import math
from dataclasses import replace

import numpy as np
import torch

from posterv2.preprocessing import Preprocessing
from posterv2.training.augment import (
    Draws,
    augment,
    normalise,
    random_affine,
    random_erase,
    random_flip,
    random_noise,
    random_soften,
    random_tone,
)
from posterv2.training.config import TrainConfig

FACES = torch.randint(0, 256, (400, 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

DRAWS = Draws(len(FACES))


def ranges(rotation: float = 0, scaling: float = 0, shift: float = 0) -> TrainConfig:
    return TrainConfig(recipe="test", rotation=rotation, scaling=scaling, shift=shift)


def test_normalise_is_the_one_definition() -> None:
    preprocessing = Preprocessing(size=24)
    pixels = FACES.permute(0, 2, 3, 1).numpy()
    ours = normalise(FACES, preprocessing).numpy()
    np.testing.assert_allclose(ours, preprocessing.normalise(pixels), rtol=0, atol=1e-6)


def test_flip_takes_its_share() -> None:
    torch.manual_seed(0)
    flipped = random_flip(FACES, 0.5, Draws(len(FACES)))
    same = (flipped == FACES).flatten(1).all(1)
    mirrored = (flipped == FACES.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250
    assert torch.equal(random_flip(FACES, 0.0, Draws(len(FACES))), FACES)
    assert torch.equal(random_flip(FACES, 1.0, Draws(len(FACES))), FACES.flip(-1))


def test_erased_areas_and_aspects_are_the_published_ones() -> None:
    torch.manual_seed(0)
    faces = torch.ones(4000, 3, 112, 112)
    erased = random_erase(faces, 0.5, (0.02, 0.1), Draws(len(faces))) == 0
    assert torch.equal(erased[:, 0], erased[:, 1])  # all channels alike
    hit = erased[:, 0][erased[:, 0].flatten(1).any(1)]
    assert 0.46 < len(hit) / 4000 < 0.54
    heights, widths = hit.any(2).sum(1), hit.any(1).sum(1)
    assert torch.equal(heights * widths, hit.flatten(1).sum(1))  # full rectangles, nothing cut at the border
    shares = heights * widths / 112**2
    assert shares.min() > 0.015
    assert shares.max() < 0.105
    assert 0.056 < shares.mean() < 0.064  # uniform: the mean is the middle
    aspects = (heights / widths).log()
    assert aspects.min() > math.log(0.27)
    assert aspects.max() < math.log(3.7)
    assert abs(aspects.mean()) < 0.05
    rows = hit.any(2).float().argmax(1) / (112 - heights + 1)
    assert 0.45 < rows.mean() < 0.55  # anywhere on the face


def test_erased_rectangles_take_a_random_grey() -> None:
    config = TrainConfig(recipe="test", flip=0, erase=1.0, erase_area=(0.1, 0.4), erase_grey=True)
    preprocessing = Preprocessing(size=24)
    torch.manual_seed(0)
    erased = augment(FACES, preprocessing, config, DRAWS)
    changed = (erased != normalise(FACES, preprocessing)).any(1)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    greys = []
    for face, where in zip(erased * std + mean, changed, strict=True):
        values = face[:, where]
        assert values.max() - values.min() < 1e-4  # one value, the same in all channels
        greys.append(float(values.mean()))
    assert min(greys) < 0.05
    assert max(greys) > 0.95
    assert 0.45 < np.mean(greys) < 0.55


def test_erase_that_never_fits_erases_nothing() -> None:
    faces = torch.ones(50, 3, 2, 2)
    torch.manual_seed(0)
    assert torch.equal(random_erase(faces, 1.0, (0.98, 0.99), Draws(len(faces))), faces)


def test_affine_without_range_is_the_identity() -> None:
    faces = torch.randn(3, 3, 24, 24)
    torch.testing.assert_close(random_affine(faces, ranges(), Draws(len(faces))), faces, rtol=0, atol=1e-5)


def test_affine_shift_is_a_share_of_the_side() -> None:
    torch.manual_seed(0)
    faces = torch.zeros(300, 1, 101, 101)
    faces[:, :, 48:53, 48:53] = 1
    moved = random_affine(faces, ranges(shift=0.1), Draws(len(faces)))
    line = torch.arange(101.0)
    centres = (moved.sum(2) * line).sum(-1) / moved.sum((2, 3)) - 50
    assert 8 < centres.abs().max() < 10.2  # 0.1 of 101 pixels
    assert centres.abs().mean() > 4


def test_affine_rotates_without_stretching() -> None:
    torch.manual_seed(0)
    faces = torch.zeros(200, 1, 101, 101)
    faces[:, :, 10:13, 49:52] = 1  # a dot 39 pixels above the centre
    turned = random_affine(faces, ranges(rotation=14), Draws(len(faces)))
    line = torch.arange(101.0) - 50
    across = (turned.sum(2) * line).sum(-1)[:, 0] / turned.sum((1, 2, 3))
    down = (turned.sum(3) * line).sum(-1)[:, 0] / turned.sum((1, 2, 3))
    torch.testing.assert_close((across**2 + down**2).sqrt(), torch.full((200,), 39.0), rtol=0, atol=0.5)
    angles = torch.rad2deg(torch.atan2(across, -down))
    assert 12 < angles.abs().max() < 14.1


def test_tone_keeps_the_picture_and_moves_its_mean_and_spread() -> None:
    torch.manual_seed(0)
    faces = 100 + 50 * torch.rand(400, 1, 24, 24)
    toned = random_tone(faces, 0.3, 0.1, DRAWS)
    moved = toned.mean((1, 2, 3)) - faces.mean((1, 2, 3))
    spread = toned.std((1, 2, 3)) / faces.std((1, 2, 3))
    assert 24 < moved.abs().max() <= 25.6
    assert 0.7 <= spread.min() < 0.72
    assert 1.28 < spread.max() <= 1.301
    inside = (faces - faces.mean((1, 2, 3), keepdim=True)) * spread[:, None, None, None]
    torch.testing.assert_close(toned - toned.mean((1, 2, 3), keepdim=True), inside, rtol=0, atol=1e-2)
    assert random_tone(FACES, 1.0, 1.0, DRAWS).aminmax() == (0, 255)  # as dark and as bright as a picture can be


def test_soften_takes_detail_from_its_share() -> None:
    torch.manual_seed(0)
    fine = torch.rand(400, 1, 24, 24).round() * 255
    softened = random_soften(fine, 0.4, DRAWS)
    left = softened.std((1, 2, 3)) / fine.std((1, 2, 3))
    assert 130 < (left < 1 - 1e-4).sum() < 190
    assert left.min() < 0.3  # a quarter of the resolution: of independent dots as much as the mean of 16 has
    assert left[left < 1 - 1e-4].median() > 0.5  # most lose little
    torch.testing.assert_close(softened.mean((1, 2, 3)), fine.mean((1, 2, 3)), rtol=0, atol=2)
    even = torch.full((400, 3, 25, 25), 7.0)
    torch.testing.assert_close(random_soften(even, 1.0, DRAWS), even)


def test_noise_has_its_deviation_and_no_colour() -> None:
    torch.manual_seed(0)
    even = torch.full((400, 3, 24, 24), 127.0)
    noise = random_noise(even, 0.1, DRAWS) - even
    assert torch.equal(noise[:, 0], noise[:, 1])
    deviations = noise[:, 0].std((1, 2)) / 255
    assert 0.095 < deviations.max() < 0.105
    assert 0.02 < deviations.mean() < 0.03  # of a cube that is a quarter
    assert noise.mean((1, 2, 3)).abs().max() < 4
    assert random_noise(FACES, 1.0, DRAWS).aminmax() == (0, 255)


def test_the_whole_is_seeded_and_normalised() -> None:
    config = TrainConfig(recipe="test", rotation=10, scaling=0.1, shift=0.1)
    preprocessing = Preprocessing(size=24)
    first, again = [], []
    for results in (first, again):
        torch.manual_seed(5)
        results.append(augment(FACES, preprocessing, config, DRAWS))
    assert torch.equal(first[0], again[0])
    still = augment(FACES, preprocessing, TrainConfig(recipe="test", flip=0, erase=0), DRAWS)
    torch.testing.assert_close(still, normalise(FACES, preprocessing), rtol=0, atol=0)


def test_the_whole_takes_tone_and_soften_from_the_settings() -> None:
    still = TrainConfig(recipe="test", flip=0, erase=0)
    plain = augment(FACES, Preprocessing(size=24), still, DRAWS)
    torch.manual_seed(0)
    for name in ("contrast", "brightness", "soften", "noise"):
        changed = augment(FACES, Preprocessing(size=24), replace(still, **{name: 0.5}), DRAWS)
        assert 150 < (changed != plain).flatten(1).any(1).sum() <= 400


def test_what_is_skipped_changes_nothing() -> None:
    """The published order on whole faces, then every second pixel, equals augmenting the rows that are kept."""
    preprocessing, config = Preprocessing(size=24), TrainConfig(recipe="test", erase=1.0, erase_area=(0.05, 0.3))
    torch.manual_seed(3)
    whole = augment(FACES, preprocessing, config, DRAWS)[:, :, ::2, ::2]
    torch.manual_seed(3)
    kept = augment(FACES[:, :, ::2], preprocessing, config, DRAWS, stride=2)
    assert torch.equal(kept, whole)
    assert kept.shape == (400, 3, 12, 12)
    torch.manual_seed(3)
    assert torch.equal(augment(FACES, preprocessing, config, DRAWS, stride=2), whole)


def test_one_channel_is_three_alike() -> None:
    grey = FACES[:, :1]
    expected = normalise(grey.expand(-1, 3, -1, -1), Preprocessing(size=24))
    assert torch.equal(normalise(grey, Preprocessing(size=24)), expected)


def test_processes_share_the_draws_of_a_step() -> None:
    config = TrainConfig(recipe="test", erase=0.8, erase_grey=True, contrast=0.2, soften=0.5, noise=0.1)
    results = []
    for mine in (slice(None), slice(0, None, 2), slice(1, None, 2)):
        torch.manual_seed(1)
        results.append(augment(FACES[mine], Preprocessing(size=24), config, Draws(len(FACES), mine)))
    whole, even, odd = results
    assert torch.equal(whole[::2], even)
    assert torch.equal(whole[1::2], odd)
