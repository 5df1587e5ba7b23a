"""Host names of sites: which ones may send hits to a site, and which site a host name belongs to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

from accounts.host_names import normalize_host

MAX_CACHED_HOSTS = 2000
MAX_CACHED_LENGTH = 255
Key = TypeVar("Key", bound=Hashable)


def normalize_host_pattern(text: str) -> str:
    """Normalize an allowed host: `example.org`, or `*example.org` for it and all its subdomains."""
    text = text.strip()
    star = text.startswith("*")
    name = normalize_host(text.lstrip("*").lstrip("."))
    return f"*{name}" if star and name else name


class HostMatcher:
    """Decides which host names may send hits to a site. The domain and its subdomains always may."""

    __slots__ = ("_decisions", "any_host", "exact", "has_list", "suffixes")

    def __init__(self, domain: str, patterns: tuple[str, ...], any_host: bool) -> None:
        own_domain = normalize_host(domain).removeprefix("www.")
        wildcards = [normalize_host_pattern(text)[1:] for text in patterns if text.strip().startswith("*")]
        self.any_host = any_host
        self.has_list = bool(patterns)  # hosts are listed in addition to the domain
        self.exact = frozenset(normalize_host_pattern(text) for text in patterns if not text.strip().startswith("*"))
        self.suffixes = tuple(suffix for suffix in (own_domain, *wildcards) if suffix)
        self._decisions: dict[str, bool] = {}  # cache, by spelling of the host

    def accepts_host(self, host: str) -> bool:
        """Return whether a page on `host` (any spelling, with or without port) may send hits."""
        if self.any_host:
            return True
        accepted = self._decisions.get(host)
        if accepted is None:
            if len(self._decisions) >= MAX_CACHED_HOSTS:
                self._decisions.clear()
            accepted = self._matches(normalize_host(host))
            if len(host) <= MAX_CACHED_LENGTH:
                self._decisions[host] = accepted
        return accepted

    def owns_host(self, host: str) -> bool:
        """Return whether `host` is one that the site names, whichever hosts may send hits."""
        return self._matches(normalize_host(host))

    def list_ancestors(self) -> list[str]:
        """List the hosts that the site names, with any port, as sources of a Content-Security-Policy.

        IPv6 addresses are left out, because a policy cannot name them; `'none'` if nothing is left.
        """
        names = {*self.exact, *self.suffixes, *(f"*.{suffix}" for suffix in self.suffixes)}
        return [f"{name}:*" for name in sorted(names) if ":" not in name] or ["'none'"]

    def _matches(self, name: str) -> bool:
        return name in self.exact or any(name == suffix or name.endswith(f".{suffix}") for suffix in self.suffixes)


class HostIndex(Generic[Key]):
    """Maps keys to site ids. A key may have several sites; the oldest one is found.

    One thread writes at a time; any thread may read.
    """

    def __init__(self) -> None:
        self._site_ids: dict[Key, tuple[int, ...]] = {}

    def add(self, keys: Iterable[Key], site_id: int) -> None:
        """Add the site to every key."""
        for key in keys:
            self._site_ids[key] = tuple(sorted({*self._site_ids.get(key, ()), site_id}))

    def remove(self, keys: Iterable[Key], site_id: int) -> None:
        """Remove the site from every key."""
        for key in keys:
            remaining = tuple(number for number in self._site_ids.get(key, ()) if number != site_id)
            if remaining:
                self._site_ids[key] = remaining
            else:
                self._site_ids.pop(key, None)

    def find(self, key: Key) -> int | None:
        """Return the id of the key's oldest site."""
        site_ids = self._site_ids.get(key)
        return site_ids[0] if site_ids else None
