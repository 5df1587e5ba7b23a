"""Patterns of paths with `*` as a wildcard, for excluding pages."""

from __future__ import annotations

from collections.abc import Iterable

from sites.page_paths import decode_path


class PagePatterns:
    """Compiled patterns that paths are matched against.

    Patterns are matched piece by piece, because as regular expressions a few wildcards could take hours to match.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._patterns = tuple(tuple(decode_path(text.strip()).split("*")) for text in texts if text.strip())

    def match(self, path: str) -> bool:
        """Return whether one of the patterns matches the entire path."""
        return any(match_pieces(pieces, path) for pieces in self._patterns)


def match_pieces(pieces: tuple[str, ...], path: str) -> bool:
    """Return whether the path consists of these pieces in this order with anything between them."""
    first, *middle = pieces
    if not middle:
        return path == first
    last = middle.pop()
    position, end = len(first), len(path) - len(last)
    if position > end or not path.startswith(first) or not path.endswith(last):
        return False
    for piece in middle:
        index = path.find(piece, position, end)
        if index < 0:
            return False
        position = index + len(piece)
    return True
