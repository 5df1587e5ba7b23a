"""The documentation the product serves: a list of pages, each a template and the facts its lists are made of.

A room that has something to explain registers its page; the words in a page come from that room's registries, so they
cannot go stale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest


def nothing(request: HttpRequest) -> dict[str, Any]:
    """A page that needs no facts."""
    return {}


class DocPage(NamedTuple):
    """`slug` is its address under /docs/ and its template's name; `facts(request)` gives what fills the template."""

    slug: str
    title: str
    summary: str
    facts: Callable[[HttpRequest], dict[str, Any]] = nothing


CHAPTERS: dict[str, list[DocPage]] = {"Collect": [], "Look": [], "Programs": [], "Run": []}


def register_pages(chapter: str, *pages: DocPage) -> None:
    """Add pages to a chapter, in their order; a page that is there already stays where it is."""
    CHAPTERS[chapter].extend(page for page in pages if find_page(page.slug) is None)


def find_page(slug: str) -> DocPage | None:
    """The page of this address."""
    return next((page for pages in CHAPTERS.values() for page in pages if page.slug == slug), None)


def list_documentation_links(request: HttpRequest) -> list[tuple[str, str]]:
    """Return (label, address) of all pages, for “Go anywhere”."""
    return [(f"Documentation · {page.title}", f"/docs/{page.slug}") for pages in CHAPTERS.values() for page in pages]
