"""Host names in the normalized form in which they are stored and compared."""

import re
from functools import lru_cache

import idna
from django.utils.ipv6 import is_valid_ipv6_address

PUBLIC_HOST_PATTERN = re.compile(
    r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[0-9-]*[a-z])[a-z0-9-]{2,63}\Z"
)

MAX_LABEL_LENGTH = 63
FINAL_DOTS = ".\u3002\uff0e\uff61"  # the dot, and the characters that IDNA treats as one


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
