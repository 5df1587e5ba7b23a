"""Errors of the query engine: each carries a sentence for people and the part of the query it is about."""

from __future__ import annotations


class QueryRefused(ValueError):
    """A query that cannot be answered. `sentence` says what is wrong and what would be right.

    `where` names the part of the query: "metrics", "where.and[1].value", "period" …
    """

    def __init__(self, sentence: str, where: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where = where


class QueryStopped(QueryRefused):
    """A valid query that needed more time, memory or rows than one query may use."""


def quote_value(value: object, length: int = 60) -> str:
    """Quote a value for an error sentence: one line, printable, at most `length` characters."""
    text = "".join(char if char.isprintable() else "?" for char in str(value)[: length + 1])
    return f"“{text[:length]}{'…' if len(text) > length else ''}”"


def join_names(names: object, maximum: int = 60) -> str:
    """Join the names that an error sentence offers instead, at maximum `maximum` of them."""
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:maximum]) + (" …" if len(listed) > maximum else "")
