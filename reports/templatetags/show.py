"""How strangers' words stand on a page: cut in the middle, and linked only where a link is safe."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import template

register = template.Library()
SAFE_SCHEMES = ("http", "https")


@register.filter
def cut_middle(text: object, length: int = 60) -> str:
    """The text, with its middle left out where it is longer than `length`."""
    whole = str(text)
    if len(whole) <= length:
        return whole
    head = (length - 1) * 2 // 3
    return f"{whole[:head]}…{whole[-(length - 1 - head) :]}"


@register.filter
def safe_link(url: object) -> str:
    """The address if a browser may follow it (http or https), else nothing."""
    text = str(url).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme.lower() in SAFE_SCHEMES and parts.netloc else ""
