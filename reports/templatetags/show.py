"""Template filters for text and addresses of strangers: shorten them, and link only to safe addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

from django import template

register = template.Library()
SAFE_SCHEMES = ("http", "https")


@register.filter
def cut_middle(value: object, length: int = 60) -> str:
    """Return the text, with an ellipsis in its middle where it is longer than `length`."""
    text = str(value)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


@register.filter
def safe_link(url: object) -> str:
    """Return the address if it is one of http or https; else an empty string."""
    text = str(url).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme.lower() in SAFE_SCHEMES and parts.netloc else ""
