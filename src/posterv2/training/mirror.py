"""A run folder's copy elsewhere, such as in an object store: what is left of a run when its machine is lost."""

from pathlib import Path
from tempfile import TemporaryDirectory

from posterv2.errors import ImageError, OutputError, TrainingError
from posterv2.files import DRAFT, drafts
from posterv2.places import Place
from posterv2.training.plan import CARD
from posterv2.training.state import STATE

FILES = (CARD, "curves.csv", "curves.png", "last.safetensors", "best.safetensors", STATE)
"""What is copied, the state last, so that nothing it counts as done is missing. `tensorboard/` is drawn anew anyway."""


class Mirror:
    """The copy of a run folder."""

    def __init__(self, out: Path, address: str | None) -> None:
        """Without an address nothing is copied.

        Raises:
            UsageError: nothing that is installed opens such addresses.
        """
        self.out, self.place = out, None if address is None else Place(address)
        self.sent: dict[str, int] = {}

    def send(self) -> None:
        """Copy each file that has changed since it was copied last.

        Raises:
            OutputError: one cannot be written; it and those after it come with the next call.
        """
        if self.place is None:
            return
        try:
            if self.place.local:
                self.place.make_folder()
            for file in (self.out / name for name in FILES):
                if file.exists() and self.sent.get(file.name) != (written := file.stat().st_mtime_ns):
                    self.place.child(file.name).write(file.read_bytes())
                    self.sent[file.name] = written
        except OutputError as error:
            raise OutputError(
                f"{error}; {self.out} is whole, and the copy is tried again with the next state or --resume {self.out}"
            ) from error

    def fetch(self) -> None:
        """Bring the copy of a run, whole or not at all, into the folder, which is new or empty.

        Raises:
            TrainingError: it cannot be told whether there is one, or it cannot be read.
            OutputError: the folder cannot be written.
        """
        if self.place is None:
            return
        try:
            if not self.place.child(CARD).exists():
                return
            self.out.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".", suffix=DRAFT, dir=self.out.parent) as folder:
                copy = Path(folder, "run")
                copy.mkdir()
                for place in map(self.place.child, FILES):
                    if place.exists():
                        (copy / Path(place.path).name).write_bytes(place.read())
                for draft in drafts(self.out):
                    draft.unlink()
                copy.replace(self.out)
        except ImageError as error:
            raise TrainingError(f"no way to tell whether the run has begun, or to go on with it: {error}") from error
        except OSError as error:
            raise OutputError(f"{self.out}: cannot be written: {error.strerror or error}") from error
