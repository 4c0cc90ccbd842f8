"""The model card of an embedded model."""

from posterv2.checkpoints.catalog import EMBEDDED, embedded


def card_of(name: str) -> str | None:
    """Markdown; None for weights that come without one."""
    if name not in EMBEDDED:
        return None
    return embedded(name, ".md").read_text("utf-8")
