"""What a run is to do, as its run card keeps it: enough to do it again, and to go on with it."""

import hashlib
import json
import os
import platform
import shlex
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

import torch

from posterv2 import __version__
from posterv2.checkpoints import catalog
from posterv2.errors import UsageError
from posterv2.files import write_whole
from posterv2.training.config import TrainConfig, load_config, read_setting

CARD = "run.json"


@dataclass(frozen=True)
class Start:
    """The files that a run begins with; random start values without.

    Attributes:
        weights: a weight file for the whole network; with the labels `data` its head is made anew where they differ.
        backbone: `ir50.pth`, for the image stream.
        landmarks: `mobilefacenet_model_best.pth.tar`, for the landmark stream.
    """

    weights: str | Path | None = None
    backbone: str | Path | None = None
    landmarks: str | Path | None = None


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes:
        config: its settings.
        data: the data set, a folder or a zip.
        dataset: its layout; found by itself without.
        device: where to train, as `choose_device` takes it.
        start: the files that it begins with.
        teachers: weight files of the networks that it learns from, or names of embedded models.
        mirror: the address of a folder, such as one in an object store, that each saved state is copied to.
        manifests: the hashes of the data's parts, where it must be the data of an earlier run.
    """

    config: TrainConfig
    data: str | Path
    dataset: str | None = None
    device: str = "auto"
    start: Start = field(default_factory=Start)
    teachers: tuple[str | Path, ...] = ()
    mirror: str | None = None
    manifests: dict[str, str] | None = None

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values; paths are absolute, files to begin with have a hash beside them."""
        files = {name: Path(file) for name, file in asdict(self.start).items() if file is not None}
        return {
            "config": json.loads(json.dumps(asdict(self.config))),
            "data": str(Path(self.data).absolute()),
            "dataset": self.dataset,
            "device": self.device,
            "mirror": _absolute(self.mirror),
            "start": {name: _hashed(file) for name, file in files.items()},
            "teachers": [_hashed(Path(file)) for file in self.teachers],
        }

    def command(self, out: str | Path) -> str:
        """What to type for this plan, with the settings that differ from the recipe's."""
        recipe = load_config(self.config.recipe)
        changed = {name: value for name, value in asdict(self.config).items() if value != getattr(recipe, name)}
        bare = {name: f"{name}={value}" for name, value in changed.items()}
        settings = [
            text if read_setting(text) == (name, changed[name]) else f"{name}={json.dumps(changed[name])}"
            for name, text in bare.items()
        ]
        words = ["posterv2", "train", self.config.recipe, *settings, "--data", str(self.data), "--out", str(out)]
        options = {"--dataset": self.dataset, "--init": self.start.weights, "--backbone": self.start.backbone}
        options |= {"--landmarks": self.start.landmarks, "--device": None if self.device == "auto" else self.device}
        options |= {"--mirror": self.mirror}
        pairs = [*options.items(), *(("--teacher", file) for file in self.teachers)]
        return shlex.join(words + [str(word) for pair in pairs if pair[1] is not None for word in pair])

    @classmethod
    def from_card(cls, card: str | Path) -> Self:
        """The plan in a run card.

        Raises:
            UsageError: the file is missing or no run card, a setting in it is wrong, or a file that the run began with
                is not what it was.
        """
        try:
            content = json.loads(Path(card).read_text("utf-8"))
            values, parts = content["plan"], content.get("data")
            start, teachers = values["start"], values.get("teachers", [])
            plan = cls(
                TrainConfig.from_values(values["config"]),
                values["data"],
                values["dataset"],
                values["device"],
                Start(**{name: entry["file"] for name, entry in start.items()}),
                tuple(entry["file"] for entry in teachers),
                values.get("mirror"),
                None if parts is None else {part: entry["manifest"] for part, entry in parts.items()},
            )
        except FileNotFoundError as error:
            raise UsageError(
                f"{card}: there is no run card; --resume takes a run's folder, --from the run.json that lies in one"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{card}: no run card that can be read ({type(error).__name__}: {error})") from error
        for entry in (*start.values(), *teachers):
            if sha256(Path(entry["file"])) != entry["sha256"]:
                raise UsageError(f"{entry['file']} is not the file that {card} began with; its content has changed")
        return plan


def write_card(out: Path, plan: Plan, **found: object) -> None:
    """Write a run's card, `run.json`: the command and its plan, where it ran, and what was found until now."""
    values = {"command": plan.command(out), "plan": plan.to_dict(), "machine": machine(), **found}
    write_whole(out / CARD, json.dumps(values, indent=2) + "\n")


def machine() -> dict[str, object]:
    """Versions, processor, processes, and the commit of the code, where it is a git checkout."""
    checkout = Path(__file__).parents[3]  # of an installed package there is none, and git may know another one above
    git = ["git", "--git-dir", str(checkout / ".git"), "--work-tree", str(checkout)]
    git += ["describe", "--always", "--dirty", "--abbrev=12"]
    try:
        commit = subprocess.run(git, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = None
    return {
        **versions(),
        "commit": commit,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
    }


def versions() -> dict[str, str]:
    """Of posterv2, torch and Python."""
    return {"posterv2": __version__, "torch": torch.__version__, "python": platform.python_version()}


def sha256(file: Path) -> str | None:
    """The hash of the bytes of a file, or of the embedded model of that name; None where it is neither."""
    if str(file) in catalog.EMBEDDED:
        file = catalog.embedded(str(file), ".safetensors")
    if not file.is_file():
        return None
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _hashed(file: Path) -> dict[str, str | None]:
    return {"file": _named(file), "sha256": sha256(file)}


def _named(file: Path) -> str:
    return str(file.absolute()) if file.exists() else str(file)


def _absolute(address: str | None) -> str | None:
    return address if address is None or "://" in address else str(Path(address).absolute())
