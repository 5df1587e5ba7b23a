"""Which site does a host name mean? Every key leads to all sites that have it, the oldest first."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class HostIndex(Generic[Key]):
    """Keys to site numbers. Written by one thread at a time, read by any."""

    def __init__(self) -> None:
        self._sites: dict[Key, tuple[int, ...]] = {}

    def add(self, keys: Iterable[Key], site_id: int) -> None:
        """Let every key lead to the site as well."""
        for key in keys:
            self._sites[key] = tuple(sorted({*self._sites.get(key, ()), site_id}))

    def remove(self, keys: Iterable[Key], site_id: int) -> None:
        """Let no key lead to the site any more."""
        for key in keys:
            left = tuple(number for number in self._sites.get(key, ()) if number != site_id)
            if left:
                self._sites[key] = left
            else:
                self._sites.pop(key, None)

    def find(self, key: Key) -> int | None:
        """The number of the oldest site of a key."""
        found = self._sites.get(key)
        return found[0] if found else None
