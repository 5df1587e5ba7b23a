"""The documentation's addresses."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reports.docs import CHAPTERS, find_page


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """All pages by chapter."""
    return render(request, "docs/index.html", {"chapters": CHAPTERS})


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """One page; its calls name the host it was asked at."""
    found = find_page(slug)
    if found is None:
        raise Http404("There is no such page in the documentation.")
    host = f"{request.scheme}://{request.get_host()}"
    said = {"host": host, "name": request.get_host(), "chapters": CHAPTERS, "page": found}
    return render(request, f"docs/{found.slug}.html", {**said, **found.facts(request)})
