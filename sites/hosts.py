"""Host names as people write them and as browsers send them."""

import re
from functools import lru_cache

MOST_JUDGED = 2000
PUBLIC = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[0-9-]*[a-z])[a-z0-9-]{2,63}\Z")


@lru_cache(maxsize=10_000)
def host_name(text: str) -> str:
    """A host name in the one form that is compared: lower case, ASCII (IDNA), no port, no final dot.

    Accepts a bare name, a name with port, or a whole URL; what is no name at all becomes "".
    """
    text = text.strip().lower()
    text = text.split("//", 1)[-1] if "//" in text else text
    text = text.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0].rsplit("@", 1)[-1]
    if text.startswith("["):  # an IPv6 address
        return text[1:].split("]", 1)[0]
    text = text.split(":", 1)[0].rstrip(".")
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return ""


def public(host: str) -> bool:
    """Whether a host name (in its one form) is one the world could know: with a dot, and no address."""
    return PUBLIC.match(host) is not None


def host_pattern(text: str) -> str:
    """An allowed host in its stored form: `example.org`, or `*example.org` for it and all its subdomains."""
    text = text.strip()
    star = text.startswith("*")
    name = host_name(text.lstrip("*").lstrip("."))
    return f"*{name}" if star and name else name


class HostMatcher:
    """Which host names may send hits to a site. The domain and its subdomains always may."""

    __slots__ = ("any_host", "exact", "judged", "suffixes")

    def __init__(self, domain: str, patterns: tuple[str, ...], any_host: bool) -> None:
        own = host_name(domain).removeprefix("www.")
        trees = [own, *(host_pattern(text)[1:] for text in patterns if text.strip().startswith("*"))]
        self.any_host = any_host
        self.exact = frozenset(host_pattern(text) for text in patterns if not text.strip().startswith("*"))
        self.suffixes = tuple(tree for tree in trees if tree)
        self.judged: dict[str, bool] = {}  # spellings met so far

    def accepts_host(self, host: str) -> bool:
        """Whether a page on `host` (any spelling, with or without port) may send."""
        if self.any_host:
            return True
        found = self.judged.get(host)
        if found is None:
            if len(self.judged) >= MOST_JUDGED:
                self.judged.clear()
            found = self._accepts(host_name(host))
            if len(host) <= 255:
                self.judged[host] = found
        return found

    def _accepts(self, name: str) -> bool:
        return name in self.exact or any(name == tree or name.endswith(f".{tree}") for tree in self.suffixes)
