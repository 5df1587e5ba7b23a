"""Host names in the normalized form in which they are stored and compared."""

import re
from functools import lru_cache

from django.utils.ipv6 import is_valid_ipv6_address

PUBLIC = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?=[0-9-]*[a-z])[a-z0-9-]{2,63}\Z")

FINAL_DOTS = ".\u3002\uff0e\uff61"  # the dot, and what IDNA takes for one


@lru_cache(maxsize=10_000)
def host_name(text: str) -> str:
    """Normalize a host name: lower case, ASCII (IDNA), no port, no final dot.

    Accepts a bare name, a name with port, or a whole URL; returns "" for what is no host name.
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
    try:
        return text.encode("idna").decode().rstrip(".")
    except UnicodeError:
        return ""


def is_public_host(host: str) -> bool:
    """Whether a normalized host name can be public: with a dot, and no IP address."""
    return PUBLIC.match(host) is not None


def other_www_form(host: str) -> str:
    """`www.example.org` for `example.org`, and the other way round."""
    return host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
