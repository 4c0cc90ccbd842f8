"""The weights that have names: the models inside the package, and published files that a user can add.

Nothing is fetched. A published file lies where a user put it: in the folder that the environment variable
`POSTERV2_WEIGHTS` names, so that `--weights rafdb` finds it there.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posterv2.errors import WeightsError, shown

DEFAULT = "posterv2-nano"
"""The model that answers where none is named."""

EMBEDDED = (DEFAULT,)
"""The names of all models inside the package."""

FOLDER = "POSTERV2_WEIGHTS"
"""The environment variable that names a folder of added files, which many users may share."""

PAGE = "https://github.com/Talented-Q/POSTER_V2"
"""The authors' page, whose README leads to all of their files."""


@dataclass(frozen=True)
class Addable:
    """A published file that posterv2 reads and does not bring.

    Attributes:
        kind: a whole network, or a backbone that training begins with.
        file: what the authors call it.
        trained_on: its faces, as the authors tell.
        labels: the label set with its classes; None for a backbone, which has none.
        accuracy: as published, 0..1, on the data set's own evaluation faces; None for a backbone.
        licence: what its authors say.
        page: where a user gets it.
    """

    kind: Literal["checkpoint", "backbone"]
    file: str
    trained_on: str
    labels: str | None = None
    accuracy: float | None = None
    licence: str = "none stated; the authors' code is MIT"
    page: str = f"{PAGE}#checkpoints"


ADDABLE: dict[str, Addable] = {
    "rafdb": Addable("checkpoint", "raf-db-model_best.pth", "RAF-DB", "rafdb", 0.9221),
    "affectnet7": Addable("checkpoint", "affectnet-7-model_best.pth", "AffectNet", "affectnet7", 0.6749),
    "affectnet8": Addable("checkpoint", "affectnet-8-model_best.pth", "AffectNet", "affectnet8", 0.6377),
    "caers": Addable("checkpoint", "caer-s-model_best.pth", "CAER-S", "caers", 0.93),
    "ir50": Addable("backbone", "ir50.pth", "MS-Celeb-1M", page=f"{PAGE}#preparation"),
    "mobilefacenet": Addable(
        "backbone", "mobilefacenet_model_best.pth.tar", "facial landmarks", page=f"{PAGE}#preparation"
    ),
}
"""By name: the four checkpoints of POSTER V2 (arXiv 2301.12149) and the two backbones that they began with."""


def embedded(name: str, suffix: str) -> Path:
    """The file of an embedded model: `.safetensors` for torch, `.onnx` for ONNX Runtime.

    Raises:
        WeightsError: there is no such model, or this installation lacks its file.
    """
    if name not in EMBEDDED:
        raise WeightsError(
            f"there is no embedded model and no file {shown(name)}; embedded are: {', '.join(EMBEDDED)}; "
            "for your own weights give the path of a file that exists"
        )
    path = Path(__file__).parent.parent / "weights" / f"{name}{suffix}"
    if not path.is_file():
        raise WeightsError(f"this installation of posterv2 lacks {path.name}; install posterv2 again")
    return path


def added(name: str, folder: str | Path) -> Path | None:
    """Where an addable file lies in a folder, if it does: `<name>.safetensors`, made of it by us, goes first.

    Raises:
        KeyError: there is no such name; so no name leads out of the folder.
    """
    places = (Path(folder, f"{name}.safetensors"), Path(folder, ADDABLE[name].file))
    return next((place for place in places if place.is_file()), None)


def located(name_or_file: str | Path, suffix: str) -> Path:
    """The file of an embedded model by its name, as from `embedded`; else the file at a path; else an added one.

    Raises:
        WeightsError: it is none of these.
    """
    name = str(name_or_file)
    if name in EMBEDDED:
        return embedded(name, suffix)
    # A data set's folder may be called rafdb too.
    if name in ADDABLE and ADDABLE[name].kind == "checkpoint" and not os.path.isfile(name):
        return _mirrored(name)
    # os.path.exists says no to a name that no file can have, where Path.exists fails.
    return Path(name) if os.path.exists(name) else embedded(name, suffix)


def digest(name_or_file: str | Path) -> str:
    """The first 16 hexadecimal digits of a file's SHA-256; an embedded model's is that of its graph.

    Raises:
        WeightsError: as from `located`.
    """
    with located(name_or_file, ".onnx").open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _mirrored(name: str) -> Path:
    """A published checkpoint's file in the user's folder."""
    folder, entry = os.environ.get(FOLDER), ADDABLE[name]
    cure = f"get {entry.file} from {entry.page}"
    if not folder:
        raise WeightsError(f"posterv2 does not bring {name}: {cure}, and give its path, or its folder in {FOLDER}")
    if found := added(name, folder):
        return found
    raise WeightsError(f"{FOLDER} is {shown(folder)}, with neither {name}.safetensors nor {entry.file} in it: {cure}")
