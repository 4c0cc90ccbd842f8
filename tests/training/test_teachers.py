"""Learning from trained networks."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from posterv2.checkpoints.catalog import embedded
from posterv2.checkpoints.format import load, save
from posterv2.checkpoints.network import open_weights
from posterv2.errors import LabelsError, WeightsError
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing
from posterv2.training.faces import Faces
from posterv2.training.loop import Training, train_epoch
from posterv2.training.teachers import Teachers, open_teachers
from tests.training.test_run import quick

GREY = Preprocessing(size=48, grayscale=True)

LABELS = LABEL_SETS["ferplus"]


def test_the_answer_is_the_mean_of_all() -> None:
    small = build(replace(CONFIGS["posterv2-nano"], width=32, image_size=32))
    first = build("posterv2-nano")
    faces = torch.randn(3, 3, 48, 48)
    teachers = Teachers([first, small])
    resized = torch.nn.functional.interpolate(faces, (32, 32), mode="bilinear", antialias=True)
    expected = (first(faces).softmax(1) + small(resized).softmax(1)) / 2
    torch.testing.assert_close(teachers(faces), expected)
    assert not teachers(faces).requires_grad


def test_a_network_that_skips_pixels_teaches() -> None:
    published = replace(CONFIGS["posterv2-nano"], image_size=96, pixel_stride=2)
    assert Teachers([build(published)])(torch.randn(2, 3, 64, 64)).shape == (2, 8)


def test_a_student_comes_closer_to_its_teacher() -> None:
    """With the teacher's answer as its only target, whatever the faces' own targets say."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (16, 48, 48, 1), dtype=torch.uint8).numpy()
    classes = torch.zeros(16, dtype=torch.int64).numpy()
    faces = Faces(pixels, torch.eye(8).numpy()[classes], classes)
    teacher, header = open_weights("posterv2-nano")
    config = quick("distillation=1.0", "sam_rho=0", "freeze_landmarks=false", "lr=1e-3", "flip=0", "erase=0")
    losses = []
    for teachers in (Teachers([teacher]), None):
        torch.manual_seed(1)
        student = build("posterv2-nano", 8)
        training = Training.of(student, header.preprocessing, config, 4, teachers=teachers)
        for epoch in range(1, 9):
            train_epoch(training, faces, epoch)
        student.eval()
        seen = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
        with torch.inference_mode():
            answers = [network(seen.expand(-1, 3, -1, -1)).log_softmax(1) for network in (student, teacher.eval())]
        losses.append(float(torch.nn.functional.kl_div(*answers, reduction="batchmean", log_target=True)))
    assert losses[0] < 0.5 * losses[1]


def test_wrong_teachers_are_told(tmp_path: Path) -> None:
    network, header = load(embedded("posterv2-nano", ".safetensors"))
    other = LabelSet("custom", tuple(f"class{number}" for number in range(8)))
    save(tmp_path / "other.safetensors", network, replace(header, labels=other))
    with pytest.raises(LabelsError, match=r"other\.safetensors names class0, .* the run neutral, "):
        open_teachers([tmp_path / "other.safetensors"], LABELS, header.preprocessing)
    with pytest.raises(WeightsError, match=r"the teacher posterv2-nano sees grey faces .*, the run colours"):
        open_teachers(["posterv2-nano"], LABELS, replace(header.preprocessing, grayscale=False))
    with pytest.raises(WeightsError, match="no embedded model and no file 'missing'"):
        open_teachers(["missing"], LABELS, GREY)
