"""Markdown from plain text: tables, and text in which nothing is read as markup."""

from collections.abc import Sequence

from posterv2.evaluation.wording import visible


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of Markdown as a table; the first one is its head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def plain(text: str) -> str:
    """Text in which nothing is read as Markdown or HTML."""
    text = visible(" ".join(text.split()))
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]<>|#!~&" else sign for sign in text)
