"""The operations of an ONNX file are told from its bytes alone, and only ours go to a runtime."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posterv2.checkpoints import catalog
from posterv2.checkpoints.graph_check import OPERATIONS, expect_operations
from posterv2.errors import WeightsError
from tests.checkpoints.conftest import lively
from tests.checkpoints.test_graph import VARIANTS, model_of


def test_the_list_is_what_our_graphs_have():
    """The rounding of int8 is NNCF's, which `tests/export` has."""
    graphs = [model_of(lively(config), half) for config in VARIANTS.values() for half in (False, True)]
    graphs.append(onnx.load(catalog.embedded(catalog.DEFAULT, ".onnx")))
    ours = {node.op_type for graph in graphs for node in graph.graph.node}
    assert ours | {"QuantizeLinear", "DequantizeLinear"} == OPERATIONS


def test_ours_need_no_onnx_to_be_read():
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "from posterv2.checkpoints import catalog\n"
        "from posterv2.checkpoints.graph_check import expect_operations\n"
        "expect_operations(catalog.embedded(catalog.DEFAULT, '.onnx'), 'x')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x08\x0a\x3a\x05\x0a", "it ends too early"),
        (b"\x08\x0a\x3a", "it ends too early"),
        (b"\x08" + b"\xff" * 11, "it ends too early"),
        (b"\x08\x0a\x3b", "there is no field 59 at byte 3"),
        (b"\x08\x0a\xba\x80\x80\x80\x10\x00", "there is no field"),
    ],
)
def test_what_is_no_message(tmp_path: Path, content: bytes, words: str):
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=f"^mine: not an ONNX file that can be read: {words}"):
        expect_operations(tmp_path / "x.onnx", "mine")


@settings(max_examples=200)
@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_end_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(content)
    with suppress(WeightsError):  # and nothing else
        expect_operations(path, "mine")
