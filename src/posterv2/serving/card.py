"""The model card of an embedded model."""

from pathlib import Path

from posterv2.checkpoints.catalog import EMBEDDED, embedded


def card_of(name: str) -> str | None:
    """Markdown; None for weights that come without one."""
    if name not in EMBEDDED:
        return None
    card: Path = embedded(name, ".md")
    return card.read_text("utf-8")
