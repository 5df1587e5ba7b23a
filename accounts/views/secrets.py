"""The response of “Show” buttons (`templates/_reveal.html`): secrets that the page itself does not contain."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def render_secrets(request: HttpRequest, title: str, secrets: Mapping[str, str], back: str) -> HttpResponse:
    """Render secrets by label: for htmx as part of a page, else as a page of their own that leads back to `back`.

    An empty secret is one that cannot be decrypted. The view must be marked `never_cache`.
    """
    template = "_secrets.html" if request.headers.get("HX-Request") else "secrets.html"
    return render(request, template, {"title": title, "secrets": secrets.items(), "back": back})
