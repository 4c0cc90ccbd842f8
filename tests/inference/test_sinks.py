"""What is written can be read again."""

import io
import json

from posterv2.inference.results import Face, Result
from posterv2.inference.sinks import json_document

RESULTS = [
    Result(
        'one, "two".jpg',
        40,
        30,
        tuple(Face((x, 1, 2, 3), 1.0, "neutral", 0.75, {"neutral": 0.75, "happiness": 0.25}) for x in (0, 9)),
    ),
    Result("Gesicht-ü\udcff.png", 5, 6, ()),
]


def written(results: list[Result]) -> str:
    text = io.StringIO()
    with json_document(text.write) as take:
        for result in results:
            take(result)
    return text.getvalue()


def test_json_is_the_list_of_results():
    assert json.loads(written(RESULTS)) == [result.to_dict() for result in RESULTS]
    assert json.loads(written([])) == []
    assert len(written(RESULTS).splitlines()) == 2 + len(RESULTS)
