"""Paths with `*` as a wildcard, as people write them to exclude pages."""

from __future__ import annotations

from collections.abc import Iterable


class PagePatterns:
    """Tells which paths some patterns name.

    They are matched piece by piece and not as a regular expression, in which a few wildcards make one hit take hours.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._patterns = tuple(tuple(text.strip().split("*")) for text in texts if text.strip())

    def match(self, path: str) -> bool:
        """Tell whether one of the patterns names the whole path."""
        return any(match_pieces(pieces, path) for pieces in self._patterns)


def match_pieces(pieces: tuple[str, ...], path: str) -> bool:
    """Tell whether the path is these pieces in this order with anything between them."""
    first, *middle = pieces
    if not middle:
        return path == first
    last = middle.pop()
    at, end = len(first), len(path) - len(last)
    if at > end or not path.startswith(first) or not path.endswith(last):
        return False
    for piece in middle:
        found = path.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
