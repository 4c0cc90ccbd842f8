"""Where drawn frames go as they come: a window, a video, a folder, or one picture that is replaced."""

import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from posterv2.errors import UsageError
from posterv2.files import write_whole
from posterv2.inference.videowriter import VideoWriter

_QUALITY = 85  # of a JPEG: nobody looks at one frame for long
_RATE = 30  # frames a second, roughly: each has its own time


class View(Protocol):
    """Shows one drawn frame after the other."""

    @property
    def closed(self) -> bool:
        """Whether the user has had enough."""
        ...

    def show(self, picture: Image.Image, index: int, time: float) -> None:
        """Show the frame with this number, taken at this time in seconds.

        Raises:
            OutputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish what was written."""
        ...


class Window:
    """A window on the screen, closed by its button, by q or by Escape. It lives in the thread that opened it."""

    def __init__(self, title: str) -> None:
        """Open it, empty.

        Raises:
            UsageError: there is no display, or this Python has no tkinter; the message says what to do without.
        """
        try:
            import tkinter

            from PIL import ImageTk

            self._photo = ImageTk.PhotoImage
            self._root = tkinter.Tk(className=title)
        except Exception as error:  # an ImportError, or a TclError, which only tkinter can name
            raise _no_window(error) from error
        self._label = tkinter.Label(self._root, borderwidth=0)
        self._label.pack()
        self._shown: Any = None
        self._closed = False
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("q", "<Escape>"):
            self._root.bind(key, self._leave)

    @property
    def closed(self) -> bool:
        """Whether its button, q or Escape was pressed."""
        if not self._closed:
            self._root.update()
        return self._closed

    def show(self, picture: Image.Image, index: int, time: float) -> None:
        """Show the picture, made smaller where the screen is."""
        room = self._root.winfo_screenwidth(), self._root.winfo_screenheight()
        if picture.width > room[0] or picture.height > room[1]:
            picture = picture.copy()
            picture.thumbnail(room)
        self._shown = self._photo(picture, master=self._root)  # Tk forgets a picture that Python lets go
        self._label.configure(image=self._shown)
        self._root.update()

    def close(self) -> None:
        """Take it off the screen."""
        self._shown = None
        self._root.destroy()

    def _leave(self, event: object = None) -> None:
        self._closed = True


class Video:
    """A video with each frame at its time; its file is there once this is closed, if there was a frame."""

    closed = False

    def __init__(self, path: Path) -> None:
        """Write nothing yet.

        Raises:
            MissingExtraError: PyAV is not installed.
        """
        self._file, self._open = VideoWriter(path, _RATE), ExitStack()
        self._writer: VideoWriter | None = None

    def show(self, picture: Image.Image, index: int, time: float) -> None:
        """Add the picture; all get the size of the first one."""
        if self._writer is None:
            self._writer = self._open.enter_context(self._file)
        self._writer.write(np.asarray(picture), time)

    def close(self) -> None:
        """Write what is missing and give the file its name.

        Raises:
            OutputError: that fails; then there is no file.
        """
        self._open.close()


class Pictures:
    """A JPEG for each frame in a folder, `000000.jpg` and so on by the frame's number."""

    closed = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def show(self, picture: Image.Image, index: int, time: float) -> None:
        """Write it under its number."""
        write_whole(self._folder / f"{index:06}.jpg", _jpeg(picture))

    def close(self) -> None:
        """Nothing is left to be done."""


class OnePicture:
    """One JPEG with the newest frame, replaced whole each time: whoever reads it never sees half a picture."""

    closed = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, picture: Image.Image, index: int, time: float) -> None:
        """Replace it."""
        write_whole(self._path, _jpeg(picture))

    def close(self) -> None:
        """The last frame stays."""


def open_view(out: Path | None) -> View:
    """A window without `out`; else a video, one picture, or a folder of pictures, as its ending says.

    Raises:
        UsageError: no window can be opened, or nothing is written under such an ending.
    """
    if out is None:
        return Window("posterv2")
    suffix = out.suffix.lower()
    if suffix and not out.absolute().parent.is_dir():
        raise UsageError(f"--out needs a folder that is there, got {out}")
    if suffix == ".mp4":
        return Video(out)
    if suffix in (".jpg", ".jpeg"):
        return OnePicture(out)
    if not suffix or out.is_dir():
        return Pictures(out)
    raise UsageError(f"--out takes a .mp4 file, a .jpg file or a folder, got {out}")


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()


def _no_window(error: Exception) -> UsageError:
    return UsageError(
        f"no window can be opened here ({error}); give --out FILE.mp4, --out FILE.jpg or --out FOLDER, and the "
        "drawn frames go there"
    )
