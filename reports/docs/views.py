"""The pages of the documentation."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from reports.docs import CHAPTERS, find_page


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List all pages by chapter."""
    return render(request, "docs/index.html", {"chapters": CHAPTERS, "version": settings.VERSION})


@require_safe
def page(request: HttpRequest, slug: str) -> HttpResponse:
    """Display a page, with the host of the request in its example calls."""
    doc_page = find_page(slug)
    if doc_page is None:
        raise Http404("There is no such page in the documentation.")
    host = f"{request.scheme}://{request.get_host()}"
    context = {"host": host, "name": request.get_host(), "chapters": CHAPTERS, "page": doc_page}
    template = doc_page.template or f"docs/{doc_page.slug}.html"
    return render(request, template, {**context, **doc_page.build_context(request)})
