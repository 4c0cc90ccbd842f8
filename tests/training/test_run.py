"""Whole runs on a handful of real faces, from recipe to run folder."""

import csv
import hashlib
import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from posterv2.checkpoints.catalog import embedded
from posterv2.checkpoints.format import load
from posterv2.data.dataset import open_split
from posterv2.data.manifest import manifest_hash
from posterv2.errors import DatasetError, ImageError, LabelsError, TrainingError, UsageError, WeightsError
from posterv2.evaluation.evaluate import evaluate
from posterv2.inference.engines.choice import open_classifier
from posterv2.labels import LABEL_SETS
from posterv2.models.poster import build
from posterv2.preprocessing import Preprocessing, read_image
from posterv2.training import alarms
from posterv2.training.begin import begin
from posterv2.training.config import TrainConfig, load_config
from posterv2.training.distributed import World
from posterv2.training.history import Epoch
from posterv2.training.parts import evaluation_split, face_crop, hold_out, open_parts
from posterv2.training.plan import Plan, Start
from posterv2.training.run import Progress
from posterv2.training.run import train as run


def quick(*overrides: str, recipe: str = "ferplus") -> TrainConfig:
    return load_config(recipe, ["model=posterv2-nano", "batch_size=4", "epochs=2", *overrides])


def train(
    config: TrainConfig,
    data: Path,
    out: Path,
    dataset: str | None = None,
    device: str = "auto",
    start: Start | None = None,
    progress: Progress | None = None,
) -> list[Epoch]:
    return run(Plan(config, data, dataset, device, start or Start()), out, progress)


def test_run_folder(ferplus_zip: Path, tmp_path: Path) -> None:
    said: list[str] = []
    seen: list[object] = []
    progress = Progress(
        said.append,
        lambda steps, done: seen.append((steps, done)),
        lambda epoch, meter: seen.append((epoch, meter.faces)),
        lambda epoch: seen.append("end"),
    )
    out = tmp_path / "new" / "run"
    epochs = train(quick(), ferplus_zip, out, progress=progress)
    assert {file.name for file in out.iterdir()} == {
        "run.json",
        "state.safetensors",
        "tensorboard",
        "curves.csv",
        "curves.png",
        "last.safetensors",
        "best.safetensors",
    }
    # Two passes a step: SAM counts each face twice.
    assert seen == [(4, 0), (1, 8), (1, 16), "end", (2, 8), (2, 16), "end"]
    assert len(said) == 1
    assert "LANDMARK STREAM IS FROZEN AT RANDOM WEIGHTS" in said[0]

    with (out / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    assert [float(row["valid_accuracy"]) for row in rows] == [epoch.valid_accuracy for epoch in epochs]
    with Image.open(out / "curves.png") as picture:
        assert picture.width > 800
    card = json.loads((out / "run.json").read_text())
    assert card["command"] == (
        f"posterv2 train ferplus model=posterv2-nano epochs=2 batch_size=4 --data {ferplus_zip} --out {out}"
    )
    assert card["plan"]["config"]["lr"] == 3.5e-5
    assert card["data"]["train"]["classes"]["happiness"] == 1
    assert card["data"]["train"]["manifest"] == manifest_hash(open_split(ferplus_zip, split="train"))
    assert card["result"]["accuracy"] == max(epoch.valid_accuracy for epoch in epochs)
    assert card["machine"]["torch"] == torch.__version__
    assert len(card["epochs"]) == 2

    _, header = load(out / "last.safetensors")
    assert header.labels == LABEL_SETS["ferplus"]
    assert header.metrics["accuracy"] == epochs[-1].valid_accuracy
    assert header.training["epoch"] == 2
    assert header.preprocessing == Preprocessing(48, margin=0.02)
    best = max(epochs, key=lambda epoch: epoch.valid_accuracy)
    assert load(out / "best.safetensors")[1].training["epoch"] == best.epoch


def test_it_learns(ferplus_zip: Path, tmp_path: Path) -> None:
    config = load_config(
        "ferplus-nano",
        ["epochs=25", "batch_size=8", "rotation=0", "scaling=0", "shift=0", "erase=0", "soft_labels=false"],
    )
    epochs = train(config, ferplus_zip, tmp_path / "run")
    assert epochs[-1].train_accuracy == 1.0
    assert epochs[-1].train_loss < 0.2 < epochs[0].train_loss


def test_best_is_the_network_that_was_best(ferplus_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation is fixed to a rise and a fall, so that the best epoch is the middle one."""
    accuracies = iter([0.25, 0.75, 0.5])
    monkeypatch.setattr("posterv2.training.run.accuracy", lambda confusion: next(accuracies))
    middle: list[dict[str, torch.Tensor]] = []

    def on_epoch(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            middle.append(load(tmp_path / "run" / "last.safetensors")[0].state_dict())

    train(quick("epochs=3"), ferplus_zip, tmp_path / "run", progress=Progress(on_epoch=on_epoch))
    best = load(tmp_path / "run" / "best.safetensors")[0].state_dict()
    last = load(tmp_path / "run" / "last.safetensors")[0].state_dict()
    assert all(torch.equal(best[name], middle[0][name]) for name in best)
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_the_seed_decides_everything(ferplus_zip: Path, tmp_path: Path) -> None:
    weights = []
    for name, seed in (("one", 1), ("again", 1), ("other", 2)):
        train(quick(f"seed={seed}"), ferplus_zip, tmp_path / name)
        weights.append(load(tmp_path / name / "last.safetensors")[0].state_dict())
    one, again, other = weights
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_settings_of_a_face_become_its_preprocessing(tmp_path: Path) -> None:
    for values, expected in (
        (["margin=0.1", "mirror=true"], Preprocessing(48, margin=0.1, mirror=True)),
        (["margin=0.0", "grayscale=true", "exposure=true"], Preprocessing(48, grayscale=True, exposure=True)),
    ):
        plan = Plan(load_config("ferplus", ["model=posterv2-nano", *values]), tmp_path)
        assert begin(plan, LABEL_SETS["ferplus"], lambda message: None)[1] == expected


def test_frozen_landmarks_keep_their_weights_and_move_their_statistics(ferplus_zip: Path, tmp_path: Path) -> None:
    after = []
    for epochs in (1, 2):
        train(quick(f"epochs={epochs}", "lr=1e-2"), ferplus_zip, tmp_path / str(epochs))
        after.append(load(tmp_path / str(epochs) / "last.safetensors")[0].state_dict())
    stream = [name for name in after[0] if name.startswith("landmark_stream.")]
    for name in stream:
        assert torch.equal(after[0][name], after[1][name]) == ("running" not in name and "tracked" not in name), name
    assert not torch.equal(after[0]["classifier.weight"], after[1]["classifier.weight"])


def test_class_folders_by_name(face_folders: Path, tmp_path: Path) -> None:
    (face_folders / "train" / "anger").rename(face_folders / "train" / "Angry")
    (face_folders / "train" / "fear" / "fear_1.png").unlink()
    said: list[str] = []
    train(quick("epochs=1"), face_folders, tmp_path / "run", "folders", progress=Progress(warning=said.append))
    assert load(tmp_path / "run" / "last.safetensors")[1].labels == LABEL_SETS["ferplus"]
    assert any("no pictures of fear in 'train'" in words for words in said)
    classes = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["train"]["classes"]
    assert classes["anger"] == 1
    assert classes["fear"] == 0


def test_classes_outside_the_labels_are_refused(face_folders: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="contempt"):
        train(quick("selection=published", recipe="rafdb"), face_folders, tmp_path / "run", "folders")
    assert not (tmp_path / "run").exists()


def test_a_run_is_never_overwritten(ferplus_zip: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="choose another folder"):
        train(quick(), ferplus_zip, tmp_path / "run")
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["notes.txt"]


def test_missing_data_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nowhere"):
        train(quick(), tmp_path / "nowhere", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_stops_the_run(ferplus_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="smaller lr"):
        train(quick("optimizer=sgd", "lr=1e30"), ferplus_zip, tmp_path / "run")


def test_unknown_device(ferplus_zip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it can use: cpu"):
        train(quick(), ferplus_zip, tmp_path / "run", device="warp")


def test_bf16_and_balance_run(ferplus_zip: Path, tmp_path: Path) -> None:
    epochs = train(quick("precision=bf16", "sampler=balanced"), ferplus_zip, tmp_path / "run")
    assert np.isfinite([epoch.train_loss for epoch in epochs]).all()


def test_a_run_begins_with_given_weights(ferplus_zip: Path, tmp_path: Path) -> None:
    train(quick("epochs=1"), ferplus_zip, tmp_path / "first")
    first = tmp_path / "first" / "last.safetensors"
    train(quick("epochs=1", "lr=1e-12", "seed=7"), ferplus_zip, tmp_path / "second", start=Start(weights=first))
    began, ended = (load(tmp_path / name / "last.safetensors")[0].state_dict() for name in ("first", "second"))
    for name, value in began.items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(ended[name], value, rtol=0, atol=1e-6)
    assert load(tmp_path / "second" / "last.safetensors")[1].training["start"] == {"weights": "last.safetensors"}


def test_weights_of_another_network_or_label_set_are_refused(
    ferplus_zip: Path, face_folders: Path, tmp_path: Path
) -> None:
    train(quick("epochs=1"), ferplus_zip, tmp_path / "first")
    start = Start(weights=tmp_path / "first" / "last.safetensors")
    with pytest.raises(WeightsError, match="another network than posterv2"):
        train(load_config("ferplus"), ferplus_zip, tmp_path / "run", start=start)
    for name in ("contempt", "neutral"):
        for file in face_folders.glob(f"*/{name}/*"):
            file.unlink()
    with pytest.raises(LabelsError, match="carries its labels"):
        train(quick("selection=published", recipe="rafdb"), face_folders, tmp_path / "run", "folders", start=start)
    assert not (tmp_path / "run").exists()


def test_validation_beside_test_and_test_alone(face_folders: Path, tmp_path: Path) -> None:
    (face_folders / "test").mkdir()
    for folder in (face_folders / "valid").iterdir():
        (face_folders / "test" / folder.name).symlink_to(folder)
    (face_folders / "valid" / "happiness" / "happiness_2.png").unlink()
    labels, plan = LABEL_SETS["ferplus"], Plan(quick(), face_folders, "folders")
    assert evaluation_split(plan, labels).name == "valid"
    shutil.rmtree(face_folders / "valid")
    with pytest.raises(DatasetError):
        evaluation_split(Plan(quick(), face_folders, "folders"), labels)
    shutil.rmtree(face_folders / "test")
    shutil.copytree(face_folders / "train", face_folders / "test")
    assert evaluation_split(Plan(quick(), face_folders, "folders"), labels).name == "test"


def test_the_best_epoch_is_chosen_on_faces_held_out(face_folders: Path, tmp_path: Path) -> None:
    for file in list(face_folders.glob("train/*/*.png")):
        for copy in range(3):
            shutil.copy(file, file.with_name(f"{copy}_{file.name}"))
    out = tmp_path / "run"
    train(quick("selection=holdout", "holdout=0.25"), face_folders, out)
    card = json.loads((out / "run.json").read_text())
    counts = {part: sum(card["data"][part]["classes"].values()) for part in ("train", "chosen_on", "evaluated")}
    assert counts == {"train": 24, "chosen_on": 8, "evaluated": 8}
    assert "held out" in card["data"]["chosen_on"]["split"]
    assert card["result"]["split"] == "valid"
    assert "held out of the training set" in card["result"]["note"]
    best = load(out / "best.safetensors")[0]
    split = open_split(face_folders, "folders", "valid", LABEL_SETS["ferplus"])
    measured = evaluate(open_classifier(str(out / "best.safetensors")), split)
    assert card["result"]["accuracy"] == pytest.approx(measured.to_dict()["accuracy"], abs=1e-9)
    assert best.config.classes == 8


def test_held_out_faces_are_a_share_of_each_class_and_no_others(face_folders: Path) -> None:
    for name in ("anger", "fear"):
        file = face_folders / "train" / name / f"{name}_1.png"
        for copy in range(9):
            shutil.copy(file, file.with_name(f"{copy}.png"))
    split = open_split(face_folders, "folders", "train", LABEL_SETS["ferplus"])
    kept, held = hold_out(split, 0.2, seed=1)
    assert set(kept.sources) | set(held.sources) == set(split.sources)
    assert not set(kept.sources) & set(held.sources)
    assert {name: count for name, count in held.counts().items() if count} == {"anger": 2, "fear": 2}
    assert hold_out(split, 0.2, seed=1)[1].sources == held.sources != hold_out(split, 0.2, seed=2)[1].sources
    assert len(hold_out(split, 0.01, seed=1)[1]) == 2  # at least one of each class that has two


def test_one_face_a_class_is_chosen_on_the_evaluation_split(face_folders: Path, tmp_path: Path) -> None:
    said: list[str] = []
    train(
        quick("epochs=1", "selection=holdout"), face_folders, tmp_path / "run", progress=Progress(warning=said.append)
    )
    assert any("no class has two faces" in words for words in said)
    card = json.loads((tmp_path / "run" / "run.json").read_text())
    assert card["data"]["chosen_on"] == card["data"]["evaluated"]
    assert "as the paper did" in card["result"]["note"]


def test_own_classes_get_a_new_head_on_trained_weights(face_folders: Path, ferplus_zip: Path, tmp_path: Path) -> None:
    train(quick("epochs=1", "grayscale=true"), ferplus_zip, tmp_path / "first")
    for split in ("train", "valid"):
        (face_folders / split / "happiness").rename(face_folders / split / "Thumbs Up")
        for folder in (face_folders / split).iterdir():
            if folder.name not in ("Thumbs Up", "neutral"):
                shutil.rmtree(folder)
    config = load_config("custom", ["epochs=1", "batch_size=2", "selection=published", "lr=1e-12"])
    start = Start(weights=tmp_path / "first" / "last.safetensors")
    train(config, face_folders, tmp_path / "own", start=start)
    network, header = load(tmp_path / "own" / "last.safetensors")
    assert header.labels.names == ("neutral", "thumbs up")
    assert header.preprocessing.grayscale
    first = load(start.weights or "")[0]
    torch.testing.assert_close(network.encoder.class_token, first.encoder.class_token, rtol=0, atol=1e-6)
    assert network.classifier.weight.shape == (2, 128)


def test_a_run_with_teachers_says_so_and_can_be_done_again(ferplus_zip: Path, tmp_path: Path) -> None:
    config = quick("epochs=1", "grayscale=true", "sam_rho=0", "lr=1e-3", "soften=0.5", "contrast=0.2")
    train(config, ferplus_zip, tmp_path / "first")
    first = tmp_path / "first" / "last.safetensors"
    run(Plan(config, ferplus_zip, teachers=(first, "posterv2-nano")), tmp_path / "taught")
    assert load(tmp_path / "taught" / "last.safetensors")[1].training["teachers"] == [first.name, "posterv2-nano"]
    plan = Plan.from_card(tmp_path / "taught" / "run.json")
    assert plan.teachers == (str(first), "posterv2-nano")
    hashes = [entry["sha256"] for entry in plan.to_dict()["teachers"]]  # pyright: ignore[reportGeneralTypeIssues]
    model = embedded("posterv2-nano", ".safetensors")
    assert hashes == [hashlib.sha256(file.read_bytes()).hexdigest() for file in (first, model)]
    run(plan, tmp_path / "again")
    untaught, taught, again = (
        load(tmp_path / name / "last.safetensors")[0].classifier.weight for name in ("first", "taught", "again")
    )
    assert torch.equal(taught, again)
    assert not torch.equal(taught, untaught)
    first.write_bytes(first.read_bytes() + b" ")
    with pytest.raises(UsageError, match="its content has changed"):
        Plan.from_card(tmp_path / "taught" / "run.json")


def test_a_broken_picture_leaves_no_run(face_folders: Path, tmp_path: Path) -> None:
    broken = face_folders / "train" / "fear" / "fear_1.png"
    broken.write_bytes(broken.read_bytes()[:300])
    with pytest.raises(ImageError, match=r"fear_1\.png"):
        train(quick("epochs=1"), face_folders, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_face_in_a_scene(tmp_path: Path) -> None:
    photo = read_image(Path(__file__).parents[2] / "samples" / "astronaut.jpg")
    crop = face_crop(Preprocessing(48))
    assert 90 < crop(photo).shape[0] < 110
    assert crop(photo[300:]).shape == photo[300:].shape  # no face: all of it


def test_scenes_are_cropped_by_many_threads(tmp_path: Path) -> None:
    photo = Path(__file__).parents[2] / "samples" / "astronaut.jpg"
    for split in ("train", "test"):
        for name in ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"):
            (tmp_path / "scenes" / split / name).mkdir(parents=True)
            shutil.copy(photo, tmp_path / "scenes" / split / name)
    plan = Plan(quick("crop=face", "selection=published", recipe="caers"), tmp_path / "scenes")
    preprocessing = Preprocessing(48)
    decoded = open_parts(plan).decode(preprocessing, 1, plan.config, tmp_path, World())
    expected = preprocessing.pixels(face_crop(preprocessing)(read_image(photo)))
    assert np.array_equal(decoded.train.pixels, np.stack([expected] * 7))


def test_alarms(ferplus_zip: Path, tmp_path: Path) -> None:
    network = build("posterv2-nano")
    loss = network.encoder.class_token.sum()
    loss.backward()
    (message,) = alarms.idle_parameters(network)
    assert message.startswith("no gradient reaches landmark_stream")
    one = np.zeros((8, 8), int)
    one[:, 3] = 5
    (message,) = alarms.one_answer(one, LABEL_SETS["ferplus"])
    assert "100% of all faces are called sadness, which 12% are" in message
    assert not list(alarms.one_answer(5 * np.eye(8, dtype=int), LABEL_SETS["ferplus"]))


@pytest.mark.parametrize(
    ("recipe", "layout"),
    [("rafdb", "rafdb"), ("affectnet7", "affectnet"), ("affectnet8", "affectnet-npy"), ("caers", "caers")],
)
def test_each_recipe_on_its_layout(recipe: str, layout: str, laid_out: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "run"
    epochs = train(quick("selection=published", "lr=1e-4", recipe=recipe), laid_out(layout), out)
    assert len(epochs) == 2
    assert load(out / "best.safetensors")[1].labels == LABEL_SETS[recipe]


@pytest.mark.parametrize(
    ("tiles", "precision", "device", "warned"),
    [
        (False, "bf16", "cpu", True),
        (True, "bf16", "cpu", False),
        (False, "fp32", "cpu", False),
        (False, "bf16", "meta", False),
    ],
)
def test_bf16_where_it_is_slower_is_told(
    tiles: bool, precision: str, device: str, warned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": tiles})
    messages = list(alarms.slow_precision(precision, torch.device(device)))
    assert [("AMX" in message) for message in messages] == [True] * warned


def test_the_command_of_a_card_gives_its_plan(tmp_path: Path) -> None:
    """Typed into a shell, through the command line's own reading of settings."""
    config = load_config("caers", ["lr=1e-3", "erase_area=[0.1,0.2]", "compile=true", "crop=face", "labels=a,b c"])
    start = Start("one.safetensors", "two.pth", "three.pth")
    plan = Plan(config, tmp_path / "a set", "caers", "cpu", start, ("posterv2-nano", "four.pth"))
    words = shlex.split(plan.command("out"))
    settings = [word for word in words if "=" in word]
    assert words[:3] == ["posterv2", "train", "caers"]
    assert load_config("caers", settings) == config
    assert words[3 + len(settings) :] == [
        "--data", str(tmp_path / "a set"), "--out", "out", "--dataset", "caers", "--init", "one.safetensors",
        "--backbone", "two.pth", "--landmarks", "three.pth", "--device", "cpu",
        "--teacher", "posterv2-nano", "--teacher", "four.pth",
    ]  # fmt: skip


def test_class_folders_alone_are_divided_for_training(face_files: list[Path], tmp_path: Path) -> None:
    for number, name in enumerate(["glad", "glad", "glad", "glad", "cross", "cross", "cross"]):
        (tmp_path / "mine" / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(face_files[number], tmp_path / "mine" / name)
    config = load_config("custom", ["epochs=1", "batch_size=2"])
    parts = open_parts(Plan(config, tmp_path / "mine"))
    assert parts.labels.names == ("cross", "glad")
    assert (parts.evaluated.name, parts.chosen_on.name) == ("all, put aside", "all, held out")
    taken = [parts.train.sources, parts.chosen_on.sources, parts.evaluated.sources]
    assert [len(sources) for sources in taken] == [3, 2, 2]
    assert len(set().union(*taken)) == 7
    with pytest.raises(UsageError, match="take selection=holdout"):
        open_parts(Plan(load_config("custom", ["selection=published"]), tmp_path / "mine"))

    out = tmp_path / "run"
    train(config, tmp_path / "mine", out, start=Start("posterv2-nano"))
    data = json.loads((out / "run.json").read_text())["data"]
    whole = manifest_hash(open_split(tmp_path / "mine"))
    assert [data[part]["split_manifest"] for part in ("train", "chosen_on", "evaluated")] == [whole] * 3
    assert load(out / "best.safetensors")[1].labels.names == ("cross", "glad")
