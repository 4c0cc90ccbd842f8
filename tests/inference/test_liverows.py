"""Rows as they come."""

from pathlib import Path

import pytest

from posterv2.errors import OutputError
from posterv2.inference.liverows import LiveRows
from posterv2.inference.results import Face, Result

FACE = Face((1, 2, 3, 4), 0.5, "happiness", 0.75, {"happiness": 0.75, "sadness": 0.25}, track=7)


def test_rows_are_there_at_once_and_whole(tmp_path: Path):
    path = tmp_path / "rows.csv"
    rows = LiveRows(path, ["happiness", "sadness"])
    rows.write(Result("camera:0", 60, 40, (FACE, FACE), 3, 0.125))
    rows.write(Result("camera:0", 60, 40, (), 4, 0.25))
    face = "camera:0,3,0.125000,7,1,2,3,4,0.500000,happiness,0.750000,0.750000,0.250000\n"
    head = "source,frame,time,track,x,y,width,height,score,expression,probability,p_happiness,p_sadness\n"
    assert path.read_text() == head + 2 * face + "camera:0,4,0.250000,,,,,,,,,,\n"
    rows.close()


def test_a_file_that_cannot_be_written(tmp_path: Path):
    with pytest.raises(OutputError, match="cannot be written"):
        LiveRows(tmp_path, ["happiness"])
