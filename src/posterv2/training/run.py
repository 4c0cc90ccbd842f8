"""A training run: wires plan, data, network, loop and run folder together."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

import torch

from posterv2.checkpoints.format import save
from posterv2.checkpoints.header import WeightsHeader
from posterv2.checkpoints.network import open_weights
from posterv2.errors import OutputError, PosterError, StoppedError, UsageError
from posterv2.evaluation.metrics import accuracy, mean_class_accuracy
from posterv2.files import drafts
from posterv2.training import alarms
from posterv2.training.begin import begin
from posterv2.training.distributed import World
from posterv2.training.history import Epoch, best_of, draw, log, write_csv
from posterv2.training.loop import Meter, Training, evaluate_epoch, train_epoch
from posterv2.training.mirror import Mirror
from posterv2.training.parts import open_parts
from posterv2.training.plan import CARD, Plan, versions, write_card
from posterv2.training.start import how_to_go_on, joined, started_again
from posterv2.training.state import STATE, Position, load_state, save_state
from posterv2.training.stop import stop_wished
from posterv2.training.teachers import open_teachers

SECONDS_BETWEEN_STATES = 600.0
"""Within a long epoch the state is saved this often; after each epoch it always is."""


@dataclass(frozen=True)
class Progress:
    """Where a run tells how it goes; the default says nothing."""

    warning: Callable[[str], None] = field(default=lambda message: None)
    on_start: Callable[[int, int], None] = field(default=lambda total_steps, done: None)
    on_step: Callable[[int, Meter], None] = field(default=lambda epoch, meter: None)
    on_epoch: Callable[[Epoch], None] = field(default=lambda epoch: None)


def train(plan: Plan, out: str | Path, progress: Progress | None = None) -> list[Epoch]:
    """Train one network and keep the run in the folder `out`, which must be new or empty.

    The folder holds `run.json`, `curves.csv`, `curves.png` (where matplotlib is installed), `last.safetensors` and
    `best.safetensors`: the network after the last epoch, and after the one that was best by the config's `selection`;
    and `state.safetensors`, all that `resume` needs. The card is written at the start and the end, the rest after each
    epoch, each file whole.

    With a mirror or under torchrun a folder with the same plan's run is no error: it goes on, because who starts
    processes again does so with the command of the first ones. Where `out` is empty, the run comes from the mirror.

    Returns:
        One entry an epoch.

    Raises:
        UsageError: `out` is there and not empty, or the device is not there.
        DatasetError, LabelsError: the data cannot be read, or has classes that the config's labels lack.
        WeightsError: a file to begin with does not fit.
        TrainingError: the loss is no longer finite, or the mirror cannot be read.
        StoppedError: Ctrl-C or SIGTERM; the state is saved.
        OutputError: the disk is full, and what was written before is whole; or the mirror cannot be written at the
            start or the end. In between that is a warning.
    """
    out, progress = Path(out), progress or Progress()
    with joined(plan, out) as (world, device):
        [again] = world.any(world.leads and started_again(plan, out))
        if again:
            plan = Plan.from_card(out / CARD)
            if world.leads:
                progress.warning(f"{out} holds this run already; going on with it")
        return _Run(plan, out, progress, world, device).go()


def resume(out: str | Path, progress: Progress | None = None) -> list[Epoch]:
    """Go on with the run in the folder `out` where it was last saved; it ends as if it had never stopped.

    A run that was never saved begins anew from its card.

    Returns, Raises:
        As `train`; UsageError also where `out` holds no run, or TrainingError a state that does not fit.
    """
    out = Path(out)
    plan = Plan.from_card(out / CARD)
    with joined(plan, out) as (world, device):
        return _Run(plan, out, progress or Progress(), world, device).go()


class _Run:
    """One run, from its files to its files."""

    def __init__(self, plan: Plan, out: Path, progress: Progress, world: World, device: torch.device) -> None:
        self.plan, self.out, self.world, config = plan, out, world, plan.config
        self.progress = progress if world.leads else Progress()
        self.mirror = Mirror(out, plan.mirror)
        self.parts = parts = open_parts(plan)
        for split in parts.splits():
            if missing := split.empty_classes():
                self.progress.warning(
                    f"no pictures of {', '.join(missing)} in {split.name!r}; it cannot be learned or judged"
                )
        if config.selection == "holdout" and parts.chosen_on is parts.evaluated:
            self.progress.warning(
                f"no class has two faces, so none is held out; the best epoch is chosen on {parts.evaluated.name!r}"
            )
        torch.manual_seed(config.seed)
        network, preprocessing = begin(plan, parts.labels, self.progress.warning)
        teachers = open_teachers(plan.teachers, parts.labels, preprocessing) if plan.teachers else None
        with self._begun():
            self._record_data()
            self.decoded = parts.decode(preprocessing, network.config.pixel_stride, config, out, world)
        steps = -(-len(self.decoded.train) // config.batch_size)
        for message in alarms.slow_precision(config.precision, device):
            self.progress.warning(message)
        self.training = Training.of(network, preprocessing, config, steps, device, world, teachers)
        self.steps = steps
        self.position = Position()
        if (out / STATE).exists():
            self.position = load_state(out / STATE, self.training)
            if self.position.meter and not world.leads:  # it counts all processes' faces, and the sum must do so once
                self.position.meter = Meter(self.position.meter.steps, lr=self.position.meter.lr)

    @contextmanager
    def _begun(self) -> Iterator[None]:
        """The run folder with its card, before anything takes long; both go again where training cannot begin."""
        new = not (self.out / CARD).exists()
        if self.world.leads:
            self.out.mkdir(parents=True, exist_ok=True)
            for draft in drafts(self.out):  # of a run that was killed while it wrote
                draft.unlink()
            if new:
                write_card(self.out, self.plan)
        self.world.wait()
        try:
            yield
        except PosterError:
            if self.world.leads and new:
                (self.out / CARD).unlink()
                self.out.rmdir()
            raise

    def _record_data(self) -> None:
        """Read all data once: it must be what the plan began with, or goes into the card."""
        then = self.plan.manifests
        if then is not None and (
            other := [name for name, now in self.parts.manifests.items() if now != then.get(name)]
        ):
            raise UsageError(
                f"{self.plan.data} does not hold what it held when the run began: by their manifests the parts "
                f"{', '.join(other)} differ"
            )
        if self.world.leads and not (self.out / STATE).exists():
            write_card(self.out, self.plan, data=self.parts.description)
            self.mirror.send()  # what can never be copied is told before hours are spent

    def go(self) -> list[Epoch]:
        """Train the epochs that are left, then measure the best one."""
        config, position = self.plan.config, self.position
        if self.world.leads and not find_spec("matplotlib"):
            self.progress.warning("no curves.png without matplotlib; install it with: pip install 'posterv2[plot]'")
        done = len(position.epochs) * self.steps + (position.meter.steps if position.meter else 0)
        self.progress.on_start(config.epochs * self.steps, done)
        with stop_wished() as wished:
            while len(position.epochs) < config.epochs:
                self._epoch(wished)
        self._finish()
        return position.epochs

    def _epoch(self, wished: Callable[[], bool]) -> None:
        training, position, number = self.training, self.position, len(self.position.epochs) + 1
        begun = saved = time.monotonic()
        before, first = position.seconds, position.meter is None and number == 1
        stopped = False

        def on_step(meter: Meter) -> bool:
            nonlocal saved, stopped, first
            if first:
                first = False
                for message in alarms.idle_parameters(training.network):
                    self.progress.warning(message)
            self.progress.on_step(number, meter)
            now = time.monotonic()
            stopped, due = self.world.any(wished(), now - saved > SECONDS_BETWEEN_STATES)
            if stopped or due:
                saved = now
                self._save(replace(position, meter=meter.over(self.world), seconds=before + now - begun))
            return stopped

        training.on_step = on_step
        meter = train_epoch(training, self.decoded.train, number, position.meter)
        if stopped:
            raise StoppedError(
                f"stopped in epoch {number} after step {meter.steps} of {self.steps}; nothing is lost, "
                + how_to_go_on(self.plan, self.out)
            )
        total = meter.over(self.world)
        loss, confusion = evaluate_epoch(training, self.decoded.chosen_on)
        position.seconds = before + time.monotonic() - begun
        position.meter = None
        position.epochs.append(
            Epoch(
                epoch=number,
                lr=meter.lr,
                train_loss=total.loss,
                train_accuracy=total.accuracy,
                valid_loss=loss,
                valid_accuracy=float(accuracy(confusion)),
                valid_mean_class_accuracy=float(mean_class_accuracy(confusion)),
                seconds=time.monotonic() - begun,
            )
        )
        for message in alarms.one_answer(confusion, self.parts.labels):
            self.progress.warning(f"epoch {number}: {message}")
        if self.world.leads:
            self._keep()
        self.progress.on_epoch(position.epochs[-1])

    def _keep(self) -> None:
        """Write the run folder anew after an epoch; the state last, so that nothing it counts as done is missing."""
        epochs, network = self.position.epochs, self.training.kept
        last = epochs[-1]
        header = WeightsHeader(
            name=self.plan.config.model,
            config=network.config,
            labels=self.parts.labels,
            preprocessing=self.training.preprocessing,
            metrics={"accuracy": last.valid_accuracy, "mean_class_accuracy": last.valid_mean_class_accuracy},
            training=self._provenance() | {"epoch": last.epoch},
        )
        save(self.out / "last.safetensors", network, header)
        if best_of(epochs) is last:
            save(self.out / "best.safetensors", network, header)
        write_csv(self.out / "curves.csv", epochs)
        if find_spec("matplotlib"):
            draw(self.out / "curves.png", epochs, self.parts.chosen_on.name)
        if find_spec("tensorboard"):
            log(self.out / "tensorboard", epochs)
        self._save(self.position)

    def _save(self, position: Position) -> None:
        if self.world.leads:
            save_state(self.out / STATE, self.training, position)
            try:
                self.mirror.send()
            except OutputError as error:
                self.progress.warning(str(error))

    def _provenance(self) -> dict[str, object]:
        """What a weight file says on how it came to be; no path of the machine that trained it."""
        plan = self.plan
        start = {name: Path(file).name for name, file in asdict(plan.start).items() if file is not None}
        return {
            "config": plan.to_dict()["config"],
            "data": Path(plan.data).name,
            "start": start,
            "teachers": [Path(file).name for file in plan.teachers],
            **self.parts.description,
            "device": str(self.training.device),
            "versions": versions(),
        }

    def _finish(self) -> None:
        """Measure the best epoch on the evaluation split, and complete the card."""
        best = best_of(self.position.epochs)
        result = {"accuracy": best.valid_accuracy, "mean_class_accuracy": best.valid_mean_class_accuracy}
        note = "the epoch was chosen on the split that it is measured on, as the paper did: a little too kind"
        if self.parts.chosen_on is not self.parts.evaluated:
            note = "the epoch was chosen on faces held out of the training set"
            self.world.wait()
            network, _ = open_weights(self.out / "best.safetensors")
            self.training.kept.load_state_dict(network.state_dict())
            _, confusion = evaluate_epoch(self.training, self.decoded.evaluated)
            shares = {"accuracy": accuracy(confusion), "mean_class_accuracy": mean_class_accuracy(confusion)}
            result = {name: float(share) for name, share in shares.items()}
        if self.world.leads:
            write_card(
                self.out,
                self.plan,
                data=self.parts.description,
                result={"split": self.parts.evaluated.name, "epoch": best.epoch, **result, "note": note},
                seconds=round(self.position.seconds, 1),
                epochs=[asdict(epoch) for epoch in self.position.epochs],
            )
            self.mirror.send()
