"""What the engine says when it will not answer: a sentence for a person, and the place it is about."""

from __future__ import annotations


class QueryRefused(ValueError):
    """A question that cannot be answered. `sentence` says what is wrong and what would be right.

    `where` names the part of the question: "metrics", "where.and[1].value", "period" …
    """

    def __init__(self, sentence: str, where: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where = where


class QueryStopped(QueryRefused):
    """A question that was understood, but took more time, memory or rows than one question may take."""


def shown(value: object, length: int = 60) -> str:
    """`value` as it may stand in a sentence: one line, printable, cut."""
    text = "".join(char if char.isprintable() else "?" for char in str(value)[: length + 1])
    return f"“{text[:length]}{'…' if len(text) > length else ''}”"


def one_of(names: object, most: int = 60) -> str:
    """The names a sentence offers instead, in their order."""
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:most]) + (" …" if len(listed) > most else "")
