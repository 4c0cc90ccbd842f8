"""The published names beside ours: literal tables {theirs: ours}, and what of theirs is dropped.

An entry names a module, whose parameters and buffers keep their last word (`weight`, `running_mean`, ...), or one
parameter whole.
"""

_LANDMARK_BLOCK = {"conv": "conv", "bn": "bn", "prelu": "activation"}
_LANDMARK_UNIT = {"conv": "expand", "conv_dw": "depthwise", "project": "project"}
_LANDMARK_BLOCKS = {
    "conv1": "stem",
    "conv2_dw": "stem_depthwise",
    "conv_6_sep": "separable",
}
_LANDMARK_UNITS = {
    "conv_23": "down1",
    "conv_3.model.0": "stage1.0",
    "conv_3.model.1": "stage1.1",
    "conv_3.model.2": "stage1.2",
    "conv_3.model.3": "stage1.3",
    "conv_34": "down2",
    "conv_4.model.0": "stage2.0",
    "conv_4.model.1": "stage2.1",
    "conv_4.model.2": "stage2.2",
    "conv_4.model.3": "stage2.3",
    "conv_4.model.4": "stage2.4",
    "conv_4.model.5": "stage2.5",
    "conv_45": "down3",
    "conv_5.model.0": "stage3.0",
    "conv_5.model.1": "stage3.1",
}

LANDMARK_STREAM: dict[str, str] = {
    f"{theirs}.{their_layer}": f"{ours}.{our_layer}"
    for theirs, ours in {
        **_LANDMARK_BLOCKS,
        **{
            f"{their_unit}.{their_block}": f"{our_unit}.{our_block}"
            for their_unit, our_unit in _LANDMARK_UNITS.items()
            for their_block, our_block in _LANDMARK_UNIT.items()
        },
    }.items()
    for their_layer, our_layer in _LANDMARK_BLOCK.items()
}
"""MobileFaceNet to our landmark stream."""

_IMAGE_STAGES = {"body1": ("stages.0", 3), "body2": ("stages.1", 4), "body3": ("stages.2", 14)}
_IMAGE_LAYERS = {
    "res_layer.0": "residual.0",
    "res_layer.1": "residual.1",
    "res_layer.2": "residual.2",
    "res_layer.3": "residual.3",
    "res_layer.4": "residual.4",
    "shortcut_layer.0": "shortcut.0",
    "shortcut_layer.1": "shortcut.1",
}

IMAGE_STREAM: dict[str, str] = {
    "input_layer.0": "stem.0",
    "input_layer.1": "stem.1",
    "input_layer.2": "stem.2",
    **{
        f"{theirs}.{unit}.{their_layer}": f"{ours}.{unit}.{our_layer}"
        for theirs, (ours, units) in _IMAGE_STAGES.items()
        for unit in range(units)
        for their_layer, our_layer in _IMAGE_LAYERS.items()
    },
}
"""IR-50 with `body1..3` to our image stream."""

ARCFACE_STAGES = {"body1": range(3), "body2": range(3, 7), "body3": range(7, 21), "body4": range(21, 24)}
"""Which of ArcFace's units `body.0..23` make up the stages of IR-50."""

BACKBONE_DROPPED = ("output_layer.", "body4.")
"""Beginnings of backbone entries that the streams do not have: the heads, of any form, and the fourth stage."""

_LEVELS = {
    "attn{}.relative_position_bias_table": "attention.position_bias",
    "attn{}.qkv": "attention.key_value",
    "attn{}.proj": "attention.projection",
    "window{}.norm": "image_norm",
    "ffn{}.gamma1": "attention_scale",
    "ffn{}.gamma2": "mlp_scale",
    "ffn{}.norm": "mlp_norm",
    "ffn{}.mlp.fc1": "mlp.fc1",
    "ffn{}.mlp.fc2": "mlp.fc2",
}
_BLOCKS = {
    "norm1": "attention_norm",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.projection",
    "norm2": "mlp_norm",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}

PUBLISHED: dict[str, str] = {
    **{f"face_landback.{theirs}": f"landmark_stream.{ours}" for theirs, ours in LANDMARK_STREAM.items()},
    **{f"ir_back.{theirs}": f"image_stream.{ours}" for theirs, ours in IMAGE_STREAM.items()},
    "last_face_conv": "landmark_projection",
    "conv1": "image_projections.0",
    "conv2": "image_projections.1",
    "conv3": "image_projections.2",
    **{theirs.format(level): f"fusions.{level - 1}.{ours}" for level in (1, 2, 3) for theirs, ours in _LEVELS.items()},
    "embed_q.0": "token_embeddings.0.0",
    "embed_q.1": "token_embeddings.0.1",
    "embed_k.0": "token_embeddings.1",
    "embed_v.proj": "token_embeddings.2",
    "VIT.cls_token": "encoder.class_token",
    "VIT.pos_embed": "encoder.position_embedding",
    **{
        f"VIT.blocks.{block}.{theirs}": f"encoder.blocks.{block}.{ours}"
        for block in (0, 1)
        for theirs, ours in _BLOCKS.items()
    },
    "VIT.norm": "encoder.norm",
    "VIT.se_block.linear1": "gate.linear1",
    "VIT.se_block.linear2": "gate.linear2",
    "VIT.head.linear": "classifier",
}
"""The whole published network to ours."""

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")

PUBLISHED_DROPPED: dict[str, tuple[int, ...]] = {
    # Heads of the two backbones, whose output the network never reads.
    "face_landback.output_layer.conv_6_dw.conv.weight": (512, 1, 7, 7),
    **{f"face_landback.output_layer.conv_6_dw.bn.{leaf}": (512,) for leaf in _BATCH_NORM},
    "face_landback.output_layer.conv_6_dw.bn.num_batches_tracked": (),
    "face_landback.output_layer.linear.weight": (136, 512),
    **{f"face_landback.output_layer.bn.{leaf}": (136,) for leaf in _BATCH_NORM},
    "face_landback.output_layer.bn.num_batches_tracked": (),
    **{f"ir_back.output_layer.0.{leaf}": (512,) for leaf in _BATCH_NORM},
    "ir_back.output_layer.0.num_batches_tracked": (),
    "ir_back.output_layer.3.weight": (512, 25088),
    "ir_back.output_layer.3.bias": (512,),
    **{f"ir_back.output_layer.4.{leaf}": (512,) for leaf in _BATCH_NORM},
    "ir_back.output_layer.4.num_batches_tracked": (),
    # Leftovers in the encoder, never called.
    "VIT.patch_embed.proj.weight": (768, 256, 1, 1),
    "VIT.patch_embed.proj.bias": (768,),
    "VIT.eca_block.conv.weight": (1, 1, 5),
    "VIT.CON1.weight": (768, 256, 1, 1),
    "VIT.IRLinear1.weight": (768, 1024),
    "VIT.IRLinear1.bias": (768,),
    "VIT.IRLinear2.weight": (512, 768),
    "VIT.IRLinear2.bias": (512,),
    "VIT.blocks.0.conv.weight": (148, 148, 1),
    "VIT.blocks.0.conv.bias": (148,),
    "VIT.blocks.1.conv.weight": (148, 148, 1),
    "VIT.blocks.1.conv.bias": (148,),
    # Tables of positions, which our attention makes itself.
    "attn1.relative_position_index": (784, 784),
    "attn2.relative_position_index": (196, 196),
    "attn3.relative_position_index": (49, 49),
}
"""The published entries that are not built, with their shapes: 14.56 M parameters, buffers and the position tables."""


_BUFFERS = {"num_batches_tracked", "running_mean", "running_var", "relative_position_index"}


def renamed(name: str, table: dict[str, str]) -> str | None:
    """What `table` makes of the name of an entry; None where it has no line for it."""
    if name in table:
        return table[name]
    module, _, leaf = name.rpartition(".")
    return f"{table[module]}.{leaf}" if module in table else None


def is_parameter(name: str) -> bool:
    """Whether an entry is trained, under their names or ours: buffers are counts, statistics and tables."""
    return name.rpartition(".")[2] not in _BUFFERS
