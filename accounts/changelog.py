"""What is new in the released versions, from CHANGELOG.md, and whether the person has read of the latest one.

It speaks of the product by name, so hosts with a brand have none of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from accounts.branding import get_request_brand
from accounts.models import User
from accounts.permissions import is_impersonated
from accounts.selectors import CHANGELOG_PREFERENCE

CHANGELOG = Path(settings.BASE_DIR) / "CHANGELOG.md"
VERSION_HEADING = re.compile(r"^## (\d+\.\d+\.\d+\S*)[^\n]*\n", re.M)


@dataclass(frozen=True)
class Release:
    """A released version and its changes as HTML."""

    version: str
    html: SafeString


@lru_cache(maxsize=1)
def list_releases() -> tuple[Release, ...]:
    """List the released versions, the latest first; none if the file was not installed."""
    return parse_releases(CHANGELOG.read_text()) if CHANGELOG.exists() else ()


def parse_releases(text: str) -> tuple[Release, ...]:
    """Parse the sections of a changelog whose headings are versions; what is not released yet is left out.

    The renderer escapes HTML in the text.
    """
    render = MarkdownIt("js-default").render
    parts = VERSION_HEADING.split(text)
    bodies = (body.partition("\n## ")[0] for body in parts[2::2])
    return tuple(
        Release(version, mark_safe(render(body)))  # noqa: S308 - of our own file, and escaped
        for version, body in zip(parts[1::2], bodies, strict=True)
    )


def has_news(request: HttpRequest) -> bool:
    """Whether there is a version whose changes the person has not read. It reads nothing but the person's row."""
    user, releases = getattr(request, "user", None), list_releases()
    if not isinstance(user, User) or not releases or get_request_brand(request).white_label:
        return False
    return not is_impersonated(user) and user.preferences.get(CHANGELOG_PREFERENCE) != releases[0].version


def add_news(request: HttpRequest) -> dict[str, object]:
    """Add `has_news` to the context of every template; only pages with a header call it."""
    return {"has_news": lambda: has_news(request)}
