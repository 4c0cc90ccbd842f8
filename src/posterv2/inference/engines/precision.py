"""In which arithmetic a network answers."""

from typing import Literal

Precision = Literal["fp32", "bf16"]
"""`fp32` gives the network's logits to 1e-4; `bf16` is several times as fast where the processor has it, to 1 %.

int8 is no choice here but a kind of file: see `posterv2 export --int8`.
"""
