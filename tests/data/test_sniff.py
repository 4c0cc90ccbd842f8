import io

import pytest
from PIL import Image, features

from posterv2.data.sniff import begins_like_a_picture
from posterv2.preprocessing import FORMATS


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_that_is_decoded_is_known_by_its_beginning(format: str) -> None:
    if format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow writes no AVIF")
    file = io.BytesIO()
    Image.new("RGB", (40, 40)).save(file, format)
    assert begins_like_a_picture(file.getvalue()[:12])


@pytest.mark.parametrize(
    "content",
    [b"", b"BM", b"BMW and other notes", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"a,b\n", b"P7 x", b"RIFFxxxxWAVE"],
)
def test_other_files_are_not(content: bytes) -> None:
    assert not begins_like_a_picture(content)
