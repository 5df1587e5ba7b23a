"""Which host names may send hits to a site."""

from accounts.host_names import host_name

MOST_JUDGED = 2000


def host_pattern(text: str) -> str:
    """An allowed host in its stored form: `example.org`, or `*example.org` for it and all its subdomains."""
    text = text.strip()
    star = text.startswith("*")
    name = host_name(text.lstrip("*").lstrip("."))
    return f"*{name}" if star and name else name


class HostMatcher:
    """Which host names may send hits to a site. The domain and its subdomains always may."""

    __slots__ = ("any_host", "exact", "has_list", "judged", "suffixes")

    def __init__(self, domain: str, patterns: tuple[str, ...], any_host: bool) -> None:
        own = host_name(domain).removeprefix("www.")
        trees = [own, *(host_pattern(text)[1:] for text in patterns if text.strip().startswith("*"))]
        self.any_host = any_host
        self.has_list = bool(patterns)  # the site's people named hosts beside its domain
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
