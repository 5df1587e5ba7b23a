"""Host names in the normalized form in which they are stored and compared, and those that are reserved.

Reserved are the installation's own: accounts can neither claim them nor be served on them. They are the hosts of
BASE_URL, LINK_DOMAIN and CLICKMETER_HOSTS, every name that begins with `apiv2.`, and all subdomains of these, with or
without `www.`.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import idna
from django.conf import settings
from django.utils.ipv6 import is_valid_ipv6_address

PUBLIC_HOST_PATTERN = re.compile(
    r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[0-9-]*[a-z])[a-z0-9-]{2,63}\Z"
)

MAX_LABEL_LENGTH = 63
FINAL_DOTS = ".\u3002\uff0e\uff61"  # the dot, and the characters that IDNA treats as one
RESERVED_HOST_CHECKS: list[Callable[[str], bool]] = []


@lru_cache(maxsize=10_000)
def normalize_host(text: str) -> str:
    """Normalize a host name: lower case, ASCII (IDNA 2008, as browsers send it), no port, no final dot.

    Accepts a bare name, a name with port, or a whole URL; returns "" for what is not a host name.
    """
    text = text.strip().lower()
    text = text.split("//", 1)[-1] if "//" in text else text
    text = text.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0].rsplit("@", 1)[-1]
    if text.startswith("["):  # an IPv6 address
        return text[1:].split("]", 1)[0]
    if text.count(":") > 1 and is_valid_ipv6_address(text):  # in its normalized form
        return text
    text = text.split(":", 1)[0].rstrip(FINAL_DOTS)
    if text.isascii():
        return text
    return encode_host(text)


def encode_host(host: str) -> str:
    """Encode a lower-case host name of any script in ASCII; returns "" for what is not a host name."""
    try:
        return idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return _encode_symbols(host)


def _encode_symbols(host: str) -> str:
    """Encode a name with symbols or underscores as browsers do, although IDNA forbids them."""
    try:
        labels = idna.uts46_remap(host, std3_rules=False).split(".")
        encoded = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels]
    except (idna.IDNAError, UnicodeError):
        return ""
    return ".".join(encoded) if all(0 < len(label) <= MAX_LABEL_LENGTH for label in encoded) else ""


@lru_cache(maxsize=10_000)
def format_host(host: str) -> str:
    """Format a normalized host name for people: `xn--bcher-kva.example` becomes `bücher.example`."""
    if "xn--" not in host:
        return host
    try:
        return idna.decode(host)
    except (idna.IDNAError, UnicodeError):
        return host


def is_public_host(host: str) -> bool:
    """Whether a normalized host name can be public: with a dot, and no IP address."""
    return PUBLIC_HOST_PATTERN.match(host) is not None


def toggle_www(host: str) -> str:
    """Return `www.example.org` for `example.org`, and the other way round."""
    return host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"


def register_reserved_hosts(is_reserved: Callable[[str], bool]) -> None:
    """Register a check by which a higher app reserves further hosts; called from `config.wiring`."""
    RESERVED_HOST_CHECKS.append(is_reserved)


def is_reserved_host(host: str) -> bool:
    """Whether `host` (in any spelling) cannot be claimed. May query the database."""
    name = normalize_host(host)
    return is_installation_host(name) or any(is_reserved(name) for is_reserved in RESERVED_HOST_CHECKS)


def is_installation_host(name: str) -> bool:
    """Whether a normalized name is reserved by the settings. Does not query the database."""
    return _is_reserved_by(name, str(settings.BASE_URL), str(settings.LINK_DOMAIN), tuple(settings.CLICKMETER_HOSTS))


def list_installation_hosts() -> frozenset[str]:
    """List the hosts that the settings name, normalized; names below them are reserved, but nobody's."""
    return _normalize_hosts((str(settings.BASE_URL), str(settings.LINK_DOMAIN), *settings.CLICKMETER_HOSTS))


def is_dashboard_host(name: str) -> bool:
    """Whether the normalized `name` is the host of BASE_URL."""
    return bool(name) and name == normalize_host(settings.BASE_URL)


def is_api_host(name: str) -> bool:
    """Whether a normalized host serves the ClickMeter API at its root."""
    return name.startswith("apiv2.") or name in _normalize_hosts(tuple(settings.CLICKMETER_HOSTS))


@lru_cache(maxsize=16)
def _normalize_hosts(hosts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for host in hosts if (name := normalize_host(host)))


@lru_cache(maxsize=10_000)
def _is_reserved_by(name: str, base_url: str, link_domain: str, api_hosts: tuple[str, ...]) -> bool:
    roots = {root.removeprefix("www.") for root in _normalize_hosts((base_url, link_domain, *api_hosts))}
    if "apiv2" in name.split(".")[:-1]:
        return True
    return any(name == root or name.endswith(f".{root}") for root in roots)
