"""What a user means by the words he types: files, folders, patterns, lists, addresses and cameras."""

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from posterv2.errors import ImageError, MissingExtraError, PosterError, UsageError, cut
from posterv2.inference.fetching import check_address, fetch
from posterv2.preprocessing import SUFFIXES, is_picture

VIDEO_SUFFIXES = frozenset(
    (
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".m2ts",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".webm",
        ".wmv",
    )
)
"""The endings of the videos that are taken from a folder. `.ts` is none of them: most such files are programs."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_CAMERA = "camera:"


@dataclass(frozen=True)
class Source:
    """One picture, video or camera.

    Attributes:
        kind: what it is.
        name: what the user calls it, and rows too: a path, an address or `camera:0`.
        path: the file to read; for a camera, its name.
    """

    kind: Literal["picture", "video", "camera"]
    name: str
    path: Path

    @property
    def camera(self) -> int:
        """The number of a camera."""
        return int(self.name.removeprefix(_CAMERA))


def find_sources(
    words: Iterable[str],
    failed: Callable[[str, PosterError], None],
    *,
    skipped: Path | None = None,
    downloads: Path | None = None,
    lines: Iterable[bytes] | None = None,
) -> list[Source]:
    """The sources behind words, in their order.

    A word is a file, a folder (with all below it), a pattern with `*`, `?`, `[...]` or `**`, an address, `camera:0`,
    or `-` for a list of such words on stdin, one a line. A file of that very name comes before a pattern.

    Args:
        words: as typed.
        failed: told of each word that leads to nothing; the others go on.
        skipped: a folder that is left out of folders and patterns: the drawings of an earlier call are no sources.
        downloads: where addresses are fetched to, and kept as long as the sources are used; without, they are refused.
        lines: what `-` reads, by default stdin.

    Raises:
        UsageError: an address without `downloads`, with a password or of another scheme, or a camera that is no number.
    """
    sources: list[Source] = []
    for word in _words(words, lines):
        try:
            sources += _meant(word, skipped, downloads, len(sources))
        except UsageError:
            raise
        except PosterError as error:
            failed(word, error)
    return sources


def sources_in(folder: Path, skipped: Path | None = None) -> list[Source]:
    """Pictures and videos in `folder` and the folders below it, sorted, told by their endings.

    Hidden ones and those in `skipped` are left out, and so are pipes and sockets, which nobody may ever write to.

    Raises:
        ImageError: there is none.
    """
    found: list[Source] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and not _same(Path(parent, name), skipped)
        )
        for path in (Path(parent, name) for name in sorted(files) if not name.startswith(".")):
            suffix = path.suffix.lower()
            if (suffix in SUFFIXES or suffix in VIDEO_SUFFIXES) and (path.is_file() or not path.exists()):
                found.append(Source("picture" if suffix in SUFFIXES else "video", str(path), path))
    if not found:
        endings = ", ".join(sorted(SUFFIXES | VIDEO_SUFFIXES))
        raise ImageError(f"{folder}: no pictures or videos in this folder; looked for {endings}")
    return found


def pictures_in(folder: Path, skipped: Path | None = None) -> list[Path]:
    """The pictures alone of `sources_in`."""
    return [source.path for source in sources_in(folder, skipped) if source.kind == "picture"]


def _words(words: Iterable[str], lines: Iterable[bytes] | None) -> Iterator[str]:
    for word in words:
        if word != "-":
            yield word
            continue
        for line in sys.stdin.buffer if lines is None else lines:
            # Bytes, because a path need not be text.
            if listed := os.fsdecode(line.rstrip(b"\r\n")):
                yield f"./{listed}" if listed == "-" else listed


def _meant(word: str, skipped: Path | None, downloads: Path | None, count: int) -> list[Source]:
    if "\0" in word:
        raise ImageError(
            f"{cut(word)}: no file is called like this; a list names one a line, as find does without -print0"
        )
    if word.startswith(_CAMERA):
        if not word.removeprefix(_CAMERA).isdecimal():
            raise UsageError(f"a camera is named by its number, such as camera:0, got {cut(word)}")
        return [Source("camera", word, Path(word))]
    if _ADDRESS.match(word) and not os.path.exists(word):
        return [_fetched(word, downloads, count)]
    if os.path.isdir(word):  # os.path, because a name that is too long is no folder
        return sources_in(Path(word), skipped)
    if glob.has_magic(word) and not os.path.lexists(word):
        return [_file(path, str(path)) for path in _matching(word, skipped)]
    return [_file(Path(word), word)]


def _fetched(address: str, downloads: Path | None, count: int) -> Source:
    check_address(address)
    if downloads is None:
        raise UsageError(f"{cut(address)}: addresses are fetched with --allow-urls only")
    path = downloads / f"{count}{Path(urlsplit(address).path).suffix[:10]}"
    fetch(address, path)
    return _file(path, address)


def _matching(pattern: str, skipped: Path | None) -> list[Path]:
    """Files that fit, sorted; folders are gone into by `**` alone."""
    paths = sorted(Path(name) for name in glob.iglob(pattern, recursive=True))
    found = [path for path in paths if path.is_file() and not any(_same(parent, skipped) for parent in path.parents)]
    if not found:
        raise ImageError(f"{pattern}: no file fits this pattern")
    return found


def _file(path: Path, name: str) -> Source:
    """A file as what it is; the reader of what it is called like says what is wrong with one that is neither."""
    called_video = path.suffix.lower() in VIDEO_SUFFIXES
    looked_at = os.path.isfile(path)  # a pipe is read once; os.path, as above
    if looked_at and is_picture(path):
        return Source("picture", name, path)
    return Source("video" if called_video or (looked_at and _is_video(path)) else "picture", name, path)


def _is_video(path: Path) -> bool:
    from posterv2.inference.decoding import opened

    try:
        with opened(path, str(path)):
            return True
    except (ImageError, MissingExtraError):
        return False


def _same(one: Path, other: Path | None) -> bool:
    return other is not None and os.path.realpath(one) == os.path.realpath(other)
