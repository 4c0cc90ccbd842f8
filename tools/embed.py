"""Put a trained network into the package, its files and model card; its run and robustness into `docs/models/`.

    python tools/embed.py runs/nano/best.safetensors ferplus.zip 'what it was trained on'

The figures in the header and on the card are those of the ONNX file itself, float16 numbers and all.
"""

import csv
import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from posterv2 import __version__
from posterv2.checkpoints.catalog import DEFAULT
from posterv2.checkpoints.format import load, save
from posterv2.data.dataset import open_split
from posterv2.data.split import Split
from posterv2.evaluation import intervals
from posterv2.evaluation.calibrate import cross_fitted, fit, logits_of
from posterv2.evaluation.evaluate import evaluate
from posterv2.evaluation.robustness import Robustness, robustness
from posterv2.evaluation.robustness_pictures import draw_robustness
from posterv2.export.export import export
from posterv2.inference.classifier import Classifier
from posterv2.inference.engines.choice import open_classifier

WATTS = 20  # what two busy server cores and their memory take: an assumption, no measurement
UNCERTAIN = 0.5  # the default of `--uncertain-below`

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "src" / "posterv2" / "weights"
LICENCE = (
    "MIT for the weights; trained on FER2013 faces, which were published for research, with FERPlus labels (MIT): "
    "check that your use fits"
)
CARD = """# {name}

A compact POSTER V2 for CPUs and phones: {parameters:.2f} M parameters, {size} px grey faces, eight expressions.
Made by

    {command}

then `python tools/embed.py`; written by posterv2 {version}.

| | |
|---|---|
| Labels, in order | {labels} |
| Trained on | FERPlus, FER2013Train, majority-labelled: {train} faces; targets are the annotators' votes |
| Chosen on | FER2013Valid: {samples} faces, {chosen} |
| Began with | {start}: see `docs/models/README.md` |
| Settings, seed, curves | `docs/models/{name}/`: `run.json` (seed {seed}), `curves.csv`, `curves.png` |
| Training took | {minutes:.0f} minutes on {machine} |
| Energy | about {energy:.0f} Wh, if that machine takes {watts} W: it was not measured |
| Files | `{name}.safetensors` (torch), `{name}.onnx` (ONNX Runtime); float16 numbers, float32 arithmetic |
| Licence | {licence} |

## What it is for

Research on expressions, teaching, prototypes, sorting and searching one's own pictures; a start for classes of your own
(`posterv2 train custom`). Its answers are for people to look at, not for machines to act on.

## How good it is

`posterv2 evaluate --data ferplus.zip` on FER2013Valid, the split that it was chosen on, so a little too kind:
accuracy **{accuracy:.2%}** (95 % interval {intervals[accuracy]}), mean class accuracy **{mean_class_accuracy:.2%}**
({intervals[mean_class_accuracy]}). {twins} of these faces are, pixel by pixel, in the training set too; without
them the accuracy is {untwinned:.2%}. `tools/embed.py` computes all this.

| class | faces | precision | recall | 95 % interval | F1 |
|---|---|---|---|---|---|
{rows}

The probabilities are calibrated by a scale and a bias for each class, fitted on the same faces; the biases move answers
too. Fitted on one half of them and measured on the other (`posterv2 calibrate --data ferplus.zip --method vector`), the
accuracy is {halves:.2%}, and the expected calibration error {ece:.3f}, with 15 bins of equal mass.

Rare classes are few in training and here: their figures are weak, and uncertain by many points.

## On bad pictures

The same faces, spoilt in {kinds} ways at five strengths: **{spoilt:.2%}** are right on the mean ({spoilt_interval}).
What the strengths are, and how sure it is: `docs/robustness.md`. Right at each strength:

| | 1 | 2 | 3 | 4 | 5 |
|---|---|---|---|---|---|
{spoilt_rows}

## What it must not be used for

It names the expression that a face *appears* to show, as ten annotators would. It does not know what anyone feels,
thinks or intends. Do not decide about people with it: not in hiring, at work, in schools, in policing, in credit, in
health care. The EU's AI Act forbids inferring emotions at work and in education. Probabilities are calibrated for
faces like those of FER2013Valid, and for no others. Faces from web image search around 2013, mostly posed or from the
press, mostly adults; how it does by age, skin tone, gender or culture was not measured.
"""


def without_twins(classifier: Classifier, train: Split, valid: Split) -> tuple[int, float]:
    """How many faces of `valid` have the pixels of a face of `train`, and the accuracy on the others."""

    def pixels(split: Split, index: int) -> bytes:
        return hashlib.sha256(split.image(index).tobytes()).digest()

    seen = {pixels(train, index) for index in range(len(train))}
    own = np.array([pixels(valid, index) not in seen for index in range(len(valid))])
    alone = evaluate(classifier, valid.subset(own)).to_dict()
    return int((~own).sum()), float(alone["accuracy"])  # pyright: ignore[reportArgumentType]


def keep_run(run: Path) -> dict:  # pyright: ignore[reportMissingTypeArgument]
    """Copy a run's card, without the folders of who trained it, and its curves; what the card holds."""
    kept = ROOT / "docs" / "models" / DEFAULT
    kept.mkdir(parents=True, exist_ok=True)
    card = json.loads((run / "run.json").read_text())
    files = [card["plan"], *card["plan"]["start"].values(), *card["plan"]["teachers"]]
    for entry in files:
        key = "data" if entry is card["plan"] else "file"
        entry[key] = Path(entry[key]).name
    (kept / "run.json").write_text(json.dumps(card, indent=2) + "\n")
    for name in ("curves.csv", "curves.png"):
        shutil.copyfile(run / name, kept / name)
    return card


def keep_robustness(classifier: Classifier, valid: Split) -> Robustness:
    """Measure the embedded model on spoilt faces, and keep table and plot beside its run."""
    found = robustness(classifier, valid, UNCERTAIN)
    kept = ROOT / "docs" / "models" / DEFAULT
    command = "posterv2 robustness --data ferplus.zip -o robustness.md --plot robustness.png"
    (kept / "robustness.md").write_text(f"# {DEFAULT} on spoilt faces\n\n{found.markdown(command)}")
    draw_robustness(kept / "robustness.png", found)
    return found


def spoilt_rows(found: Robustness) -> list[str]:
    """For each corruption a row with the accuracy at each strength."""
    rows: dict[str, list[str]] = {}
    for trial in found.trials[1:]:
        assert trial.corruption is not None
        rows.setdefault(trial.corruption.name, []).append(f"{trial.accuracy:.1%}")
    return [f"| {name} | {' | '.join(shares)} |" for name, shares in rows.items()]


def beginning(training: dict) -> str:  # pyright: ignore[reportMissingTypeArgument]
    """What a run began with, for the card; the embedded model that is about to be replaced by its hash."""
    if training["start"].get("weights") != DEFAULT:
        return ", ".join(training["start"].values()) or "random weights"
    digest = hashlib.sha256((WEIGHTS / f"{DEFAULT}.safetensors").read_bytes()).hexdigest()[:16]
    return f"the `{DEFAULT}` before it (SHA-256 {digest}...), which began with random weights"


def chosen(training: dict) -> str:  # pyright: ignore[reportMissingTypeArgument]
    """Which of a run's networks it is."""
    epoch = f"after epoch {training['epoch']} of {training['config']['epochs']}"
    if mixed := training.get("mixed"):
        return f"{epoch}, {mixed['share']:.0%} of it in the mean with {mixed['with']} (`tools/mix.py`)"
    return epoch


def main(run: str, data: str, machine: str) -> None:
    """Write the package's weight files and card from a run's weight file, which lies in the run's folder."""
    network, header = load(run)
    start = beginning(dict(header.training))
    with (Path(run).parent / "curves.csv").open() as curves:
        minutes = sum(float(row["seconds"]) for row in csv.DictReader(curves)) / 60
    # It may have been trained without: most faces are the same, and in the dark nothing else helps as much.
    preprocessing = replace(header.preprocessing, exposure=True)
    header = replace(header, name=DEFAULT, preprocessing=preprocessing, licence=LICENCE, version=__version__)
    weights, graph = (WEIGHTS / f"{DEFAULT}{suffix}" for suffix in (".safetensors", ".onnx"))
    save(weights, network, header, half=True)
    export(weights, graph, "onnx", "fp16")
    classifier, valid = open_classifier(str(graph)), open_split(data, "ferplus", "valid")
    logits = logits_of(classifier, valid)
    calibrated, _ = cross_fitted(logits, "vector")
    by_halves = intervals.figures(calibrated).single
    ece = float(by_halves["ece"][0])
    header = replace(header, calibration=fit(logits, "vector", f"{len(valid):,} faces of FER2013Valid, by class"))
    save(weights, network, header, half=True)
    export(weights, graph, "onnx", "fp16")
    classifier = open_classifier(str(graph))  # calibrated: the biases move answers
    result = evaluate(classifier, valid).to_dict()
    twins, untwinned = without_twins(classifier, open_split(data, "ferplus", "train"), valid)
    figures = {name: float(result[name]) for name in ("accuracy", "mean_class_accuracy")}  # pyright: ignore
    header = replace(header, metrics=figures | {"ece": ece})
    save(weights, network, header, half=True)
    export(weights, graph, "onnx", "fp16")

    training: dict = header.training  # pyright: ignore[reportMissingTypeArgument]
    per_class: dict[str, dict] = result["per_class"]  # pyright: ignore[reportAssignmentType]
    share = lambda value: "-" if value is None else f"{value:.1%}"  # noqa: E731
    between = lambda ends: " to ".join(map(share, ends))  # noqa: E731
    rows = [
        f"| {name} | {values['samples']} | {share(values['precision'])} | {share(values['recall'])} "
        f"| {between(values['intervals']['recall'])} | {share(values['f1'])} |"
        for name, values in per_class.items()
    ]
    command = keep_run(Path(run).parent)["command"]
    spoilt = keep_robustness(open_classifier(str(graph)), valid)
    spoilt_mean, spoilt_ends = spoilt.mean
    by_kind = spoilt_rows(spoilt)
    card = CARD.format(
        name=DEFAULT,
        parameters=sum(parameter.numel() for parameter in network.parameters()) / 1e6,
        size=header.preprocessing.size,
        command=command,
        start=start,
        version=__version__,
        labels=", ".join(header.labels.names),
        train=f"{sum(training['train']['classes'].values()):,}",
        samples=f"{result['samples']:,}",
        chosen=chosen(training),
        seed=training["config"]["seed"],
        licence=LICENCE,
        minutes=minutes,
        machine=machine,
        energy=minutes / 60 * WATTS,
        watts=WATTS,
        intervals={name: between(ends) for name, ends in result["intervals"].items()},  # pyright: ignore
        kinds=len(by_kind),
        spoilt=spoilt_mean,
        spoilt_interval=between(spoilt_ends),
        spoilt_rows="\n".join(by_kind),
        twins=twins,
        untwinned=untwinned,
        rows="\n".join(rows),
        ece=ece,
        halves=float(by_halves["accuracy"][0]),
        **figures,
    )
    (WEIGHTS / f"{DEFAULT}.md").write_text(card)
    sys.stdout.write(f"{figures}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
