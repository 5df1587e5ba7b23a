"""An index of sites by host name. A key may have several sites; the oldest one is found."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class HostIndex(Generic[Key]):
    """Maps keys to site ids. One thread writes at a time; any thread may read."""

    def __init__(self) -> None:
        self._sites: dict[Key, tuple[int, ...]] = {}

    def add(self, keys: Iterable[Key], site_id: int) -> None:
        """Add the site to every key."""
        for key in keys:
            self._sites[key] = tuple(sorted({*self._sites.get(key, ()), site_id}))

    def remove(self, keys: Iterable[Key], site_id: int) -> None:
        """Remove the site from every key."""
        for key in keys:
            left = tuple(number for number in self._sites.get(key, ()) if number != site_id)
            if left:
                self._sites[key] = left
            else:
                self._sites.pop(key, None)

    def find(self, key: Key) -> int | None:
        """The id of the key's oldest site."""
        found = self._sites.get(key)
        return found[0] if found else None
