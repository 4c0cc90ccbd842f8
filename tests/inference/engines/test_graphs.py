"""What a runtime opens is the graph that was made."""

import onnx
import pytest

from posterv2.inference.engines.graphs import _parts
from posterv2.models.config import PosterConfig
from tests.checkpoints.conftest import lively
from tests.checkpoints.test_graph import VARIANTS, model_of


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_parts_make_the_whole(config: PosterConfig):
    model, whole = model_of(lively(config)), onnx.ModelProto()
    whole.CopyFrom(model)
    parts = list(_parts(model))
    assert len(parts) == 1 + len(whole.graph.initializer)
    assert onnx.ModelProto.FromString(b"".join(parts)) == whole
