"""The header travels unchanged, and what is wrong in one is named."""

import json
from dataclasses import replace

import pytest

from posterv2.calibration import Calibration
from posterv2.checkpoints.header import KEY, WeightsHeader, read_header
from posterv2.errors import WeightsError
from posterv2.labels import LABEL_SETS, LabelSet
from posterv2.models.config import CONFIGS
from posterv2.preprocessing import Preprocessing


def header(**changes) -> WeightsHeader:
    values = {
        "name": "test",
        "config": CONFIGS["posterv2-nano"],
        "labels": LABEL_SETS["ferplus"],
        "preprocessing": Preprocessing(size=48, grayscale=True, margin=0.1),
        "metrics": {"accuracy": 0.875},
        "licence": "for tests — only",
        "training": {"epochs": 3, "data": ["FER2013Train"]},
    }
    return WeightsHeader(**values | changes)


def test_json_and_back():
    assert WeightsHeader.from_json(header().to_json()) == header()


def test_own_labels_survive():
    labels = LabelSet("custom", tuple("abcdefgh"))
    assert WeightsHeader.from_json(header(labels=labels).to_json()).labels == labels


def test_metadata_names_the_file():
    assert WeightsHeader.from_metadata({KEY: header().to_json()}, "x.onnx") == header()
    for metadata in (None, {}, {KEY: "{"}):
        with pytest.raises(WeightsError, match=r"x\.onnx: "):
            WeightsHeader.from_metadata(metadata, "x.onnx")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": LABEL_SETS["rafdb"]}, "8 classes, but its labels are rafdb"),
        ({"preprocessing": Preprocessing(size=224)}, "takes 48 pixels, its preprocessing makes 224"),
    ],
)
def test_contradictions(change, words):
    with pytest.raises(WeightsError, match=words):
        header(**change)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("format", 4, "format 4, this posterv2 .* reads up to 3; install a newer"),
        ("format", None, "names no format"),
        ("format", 0, "names no format, a whole number from 1 up, got 0"),
        ("format", -1, "names no format"),
        ("format", True, "names no format"),
        ("format", 10**4000, "format a number of more than 64 bits, this posterv2"),
        ("name", 3, "'name' cannot be 3"),
        ("surprise", 1, "need the fields name, .*surprise"),
        ("labels", [], "'labels' cannot be"),
        ("labels.names", ["a", 1], "cannot hold 1"),
        ("labels.names", ["a", "a"], "may stand once"),
        ("labels.names", ["a", "b"], "8 classes"),
        ("labels.names", ["Happy", *"abcdefg"], "'Happy'.*'happiness'"),
        ("config.depth", 3, "unknown network settings depth"),
        ("config.width", "32", "cannot be"),
        ("config.width", 33, "head_dim must divide width 33"),
        ("preprocessing.mean", [0, 0], "mean and std need three"),
        ("preprocessing.mean", ["0", 0, 0], "cannot hold '0'"),
        ("preprocessing.size", "48", "'size' cannot be '48'"),
        ("preprocessing.size", True, "'size' cannot be True"),
        ("preprocessing.mean", [10**400, 0, 0], "the preprocessing cannot hold a number of more than 64 bits"),
        ("preprocessing.std", [1e39, 1, 1], r"the preprocessing cannot hold 1e\+39"),
        ("preprocessing.mean", [float("nan"), 0, 0], "NaN is not a finite number"),
        ("preprocessing.margin", float("inf"), "Infinity is not a finite number"),
        ("preprocessing.exposure", 1, "'exposure' cannot be 1"),
        ("preprocessing.margin", False, "'margin' cannot be False"),
        ("metrics.accuracy", 10**400, "the metrics cannot hold a number of more than 64 bits"),
        ("metrics.accuracy", True, "the metrics cannot hold True"),
        ("training.loss", float("nan"), "NaN is not a finite number"),
        ("config.image_size", 40_000, "image_size must be a whole number from 1 to 1024"),
        ("config.encoder_depth", 3000, "encoder_depth must be"),
        ("metrics.accuracy", "good", "cannot hold 'good'"),
        ("metrics.accuracy", [[0] * 99] * 9, "cannot hold a list"),
    ],
)
def test_wrong_fields_are_named(path, value, words):
    values = json.loads(header().to_json())
    *parents, last = path.split(".")
    target = values
    for parent in parents:
        target = target[parent]
    target[last] = value
    with pytest.raises(WeightsError, match=words):
        WeightsHeader.from_json(json.dumps(values))


CALIBRATION = Calibration((0.8,) * 8, (0.0,) * 7 + (0.1,), tuple(value / 100 for value in range(50)), "8 faces")


def test_a_calibration_travels_too_and_the_first_format_had_none():
    assert WeightsHeader.from_json(header(calibration=CALIBRATION).to_json()).calibration == CALIBRATION
    values = json.loads(header().to_json()) | {"format": 1}
    del values["calibration"], values["preprocessing"]["exposure"]
    assert WeightsHeader.from_json(json.dumps(values)).calibration is None


def test_exposure_travels_too_and_the_second_format_had_none():
    exposed = header(preprocessing=Preprocessing(size=48, exposure=True), calibration=CALIBRATION)
    assert WeightsHeader.from_json(exposed.to_json()) == exposed
    values = json.loads(exposed.to_json())
    del values["preprocessing"]["exposure"]
    older = WeightsHeader.from_json(json.dumps(values | {"format": 2}))
    assert older.preprocessing == Preprocessing(size=48)
    assert older.calibration == CALIBRATION
    with pytest.raises(WeightsError, match=r"the preprocessing need the fields .*exposure"):
        WeightsHeader.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("scale", [0.8] * 7, "scale above 0 and a bias for each class"),
        ("scale", [-1.0, *[0.8] * 7], "scale above 0"),
        ("scale", "0.8", "'scale' cannot be '0.8'"),
        ("bias", ["a"] * 8, "the calibration cannot hold 'a'"),
        ("quantiles", [0.5], "50 quantiles in 0..1, got 1"),
        ("quantiles", [2.0] * 50, "quantiles in 0..1"),
        ("fitted_on", 3, "'fitted_on' cannot be 3"),
        ("more", 3, "the calibration need the fields"),
    ],
)
def test_a_wrong_calibration_is_named(path, value, words):
    values = json.loads(header(calibration=CALIBRATION).to_json())
    values["calibration"][path] = value
    with pytest.raises(WeightsError, match=words):
        WeightsHeader.from_json(json.dumps(values))


def test_a_calibration_is_for_the_classes_there_are():
    with pytest.raises(WeightsError, match="for 7 classes, not 8"):
        header(calibration=replace(CALIBRATION, scale=(1.0,) * 7, bias=(0.0,) * 7))


@pytest.mark.parametrize("missing", ["name", "config", "labels", "preprocessing", "metrics", "licence", "version"])
def test_missing_fields_are_named(missing):
    values = json.loads(header().to_json())
    del values[missing]
    with pytest.raises(WeightsError, match=f"need the fields .*{missing}"):
        WeightsHeader.from_json(json.dumps(values))


def test_a_number_beyond_floats_is_no_number():
    with pytest.raises(WeightsError, match="1e999 is not a finite number"):
        WeightsHeader.from_json(header().to_json().replace("0.875", "1e999"))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000])
def test_no_header_at_all(text):
    with pytest.raises(WeightsError, match="the header"):
        WeightsHeader.from_json(text)


@pytest.mark.parametrize("content", [None, b"", b"\x00" * 7, b"{}", b"\xff" * 64])
def test_unreadable_files(tmp_path, content):
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_header(path)


def test_directory(tmp_path):
    with pytest.raises(WeightsError, match=str(tmp_path)):
        read_header(tmp_path)
