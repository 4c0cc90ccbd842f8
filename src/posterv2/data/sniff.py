"""Which files are pictures: by a usual ending, else by how the content begins."""

from pathlib import PurePosixPath

from posterv2.data.store import Store

ENDINGS = frozenset(
    (".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
)
"""Files with these are taken unopened: a set has 280,000 of them, and a broken one is to be found, not skipped."""

_BEGINNINGS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",  # TIFF
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xff\x4f\xff\x51",
    *(f"P{kind}{space}".encode() for kind in range(1, 7) for space in "\n\r\t "),  # PPM
)


def is_picture(store: Store, name: str) -> bool:
    """Whether a file is taken for a picture; only one without a usual ending is opened."""
    if PurePosixPath(name).suffix.lower() in ENDINGS:
        return True
    with store.open(name) as file:
        return begins_like_a_picture(file.read(12))


def begins_like_a_picture(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a format in `preprocessing.FORMATS`."""
    return (
        head.startswith(_BEGINNINGS)
        or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))
        or (head[:2] == b"BM" and head[6:10] == bytes(4))  # two letters alone begin many a text
    )
