"""Engines are timed in turns and compared by their answers."""

from pathlib import Path

import numpy as np
import pytest

from posterv2.errors import MissingExtraError, UsageError
from posterv2.inference.engines import measure
from posterv2.inference.engines.measure import medians, opened, speeds
from posterv2.inference.engines.onnxruntime import OnnxClassifier
from tests.tiny_graph import BLUE, GREY, RED, write_tiny_graph


def test_jobs_take_turns_and_the_first_call_of_a_turn_is_not_counted(monkeypatch: pytest.MonkeyPatch):
    clock, calls = [0.0], []
    monkeypatch.setattr(measure.time, "perf_counter", lambda: clock[0])  # pyright: ignore[reportPrivateImportUsage]

    def job(name: str, seconds: list[float]):
        def run() -> None:
            calls.append(name)
            clock[0] += seconds[(calls.count(name) - 1) % len(seconds)]

        return run

    found = medians({"a": job("a", [100, 1, 3]), "b": job("b", [50, 2, 2])}, rounds=3)
    assert found == {"a": 2, "b": 2}  # the median of 1, 3, 1, 3, 1, 3; without 100 and 50
    assert calls == ["a", "a", "a", "b", "b", "b"] * 3


def test_every_engine_is_opened_or_says_why_not(tmp_path: Path):
    found = {(engine, precision): each for engine, precision, each in opened(None, None, "cpu")}
    assert set(found) == {
        (engine, each) for engine in ("onnxruntime", "openvino", "torch") for each in ("fp32", "bf16")
    }
    assert isinstance(found["onnxruntime", "bf16"], UsageError)
    graph = {
        (engine, precision): each
        for engine, precision, each in opened(write_tiny_graph(tmp_path / "x.onnx"), None, "cpu")
    }
    assert isinstance(graph["torch", "fp32"], UsageError)
    assert isinstance(graph["onnxruntime", "fp32"], OnnxClassifier)


def test_an_engine_that_is_not_installed_is_told_once(monkeypatch: pytest.MonkeyPatch):
    def missing(*words: object) -> None:
        raise MissingExtraError("pip install it")

    monkeypatch.setattr(measure, "open_classifier", missing)
    assert [engine for engine, _, _ in opened(None, None, "cpu")] == ["onnxruntime", "openvino", "torch"]


def test_speeds_compare_answers_with_the_first_engine(tmp_path: Path):
    first = OnnxClassifier(write_tiny_graph(tmp_path / "first.onnx"))
    other = OnnxClassifier(write_tiny_graph(tmp_path / "other.onnx", scale=-20))  # happy and sad change places
    pixels = np.array([np.full((48, 48, 3), colour, np.uint8) for colour in (RED, BLUE, GREY, GREY)])
    found = list(speeds({("onnxruntime", "fp32"): first, ("openvino", "int8"): other}, pixels, [1, 5]))  # pyright: ignore[reportArgumentType]
    assert [(each.engine, each.batch, each.same_answers) for each in found] == [
        ("onnxruntime", 1, 1.0),
        ("openvino", 1, 0.5),
        ("onnxruntime", 5, 1.0),
        ("openvino", 5, 0.5),
    ]
    assert all(each.faces_per_second == each.batch / each.seconds > 0 for each in found)
