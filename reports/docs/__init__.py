"""The documentation that the product serves: pages by chapter, each a template and a function that builds its context.

Apps register their pages (`config.wiring`). Lists in a page come from the registries of its app, so they are complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpRequest


def build_empty_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of a page without lists."""
    return {}


class DocPage(NamedTuple):
    """A page: `slug` is its address under /docs/ and the name of its template."""

    slug: str
    title: str
    summary: str
    build_context: Callable[[HttpRequest], dict[str, object]] = build_empty_context


CHAPTERS: dict[str, list[DocPage]] = {"Collecting data": [], "Dashboard": [], "APIs": [], "Operation": []}


def register_pages(chapter: str, *pages: DocPage) -> None:
    """Append pages to a chapter; a page that is registered already is left where it is."""
    CHAPTERS[chapter].extend(page for page in pages if find_page(page.slug) is None)


def find_page(slug: str) -> DocPage | None:
    """Return the page with this slug, or None."""
    return next((page for pages in CHAPTERS.values() for page in pages if page.slug == slug), None)


def list_documentation_links(request: HttpRequest) -> list[tuple[str, str]]:
    """Return (label, address) of all pages, for “Go anywhere”."""
    return [(f"Documentation · {page.title}", f"/docs/{page.slug}") for pages in CHAPTERS.values() for page in pages]
