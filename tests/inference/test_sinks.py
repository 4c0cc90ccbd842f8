"""What is written can be read again."""

import csv
import io
import json

from posterv2.inference.results import Face, Result
from posterv2.inference.rows import columns_of
from posterv2.inference.sinks import to_csv, to_json

NAMES = ("neutral", "happiness")
RESULTS = [
    Result(
        'one, "two".jpg',
        40,
        30,
        tuple(Face((x, 1, 2, 3), 1.0, "neutral", 0.75, {"neutral": 0.75, "happiness": 0.25}) for x in (0, 9)),
    ),
    Result("Gesicht-ü\udcff.png", 5, 6, ()),
]


def test_json_is_the_list_of_results():
    assert json.loads(to_json(RESULTS)) == [result.to_dict() for result in RESULTS]
    assert json.loads(to_json([])) == []


def test_csv_has_the_rows_under_their_columns():
    rows = list(csv.DictReader(io.StringIO(to_csv(RESULTS, NAMES))))
    assert tuple(rows[0]) == columns_of(NAMES)
    assert [(row["source"], row["frame"], row["time"], row["x"]) for row in rows] == [
        ('one, "two".jpg', "0", "", "0"),
        ('one, "two".jpg', "0", "", "9"),
        ("Gesicht-ü\\udcff.png", "0", "", ""),
    ]
    assert float(rows[0]["p_happiness"]) == 0.25
    assert set(rows[2].values()) == {"Gesicht-ü\\udcff.png", "0", ""}
