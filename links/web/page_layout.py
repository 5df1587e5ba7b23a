"""What the pages of links share: permissions and navigation; and what other pages know of
them: links for "go anywhere", pages of the documentation, and the tag `may_open_links`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django import template
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template import Context

from accounts.permissions import AccountSuspended
from links.clickmeter.operations import OPERATIONS, group_by_tag
from links.models import MAX_CONVERSIONS, Mode
from links.permissions import LinkScope, get_link_scope_or_404
from reports.docs import DocPage, build_reference_page

register = template.Library()
P = ParamSpec("P")
LinksView = Callable[Concatenate[HttpRequest, LinkScope, P], HttpResponseBase]
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
NAVIGATION = (
    ("list", "/links", "Links"),
    ("live", "/links/live", "Live"),
    ("groups", "/links/groups", "Groups"),
    ("tags", "/links/tags", "Tags"),
    ("conversions", "/links/conversions", "Conversions"),
    ("domains", "/links/domains", "Domains"),
    ("scripts", "/links/scripts", "Retargeting"),
    ("lists", "/links/lists", "Exclusions"),
    ("guests", "/links/guests", "Guests"),
    ("toolbox", "/links/toolbox", "API toolbox"),
)
MANAGER_PAGES = frozenset({"domains", "scripts", "lists", "guests", "conversions", "tags"})


def links_page(part: str, may: str = "view") -> Callable[[LinksView[P]], View[P]]:
    """Decorate a view of links as `view(request, scope, …)`; everybody who may not open it gets a 404."""

    def decorate(view: LinksView[P]) -> View[P]:
        @login_required
        @wraps(view)
        def page(request: HttpRequest, /, *args: P.args, **named: P.kwargs) -> HttpResponseBase:
            request.links_part = part  # type: ignore[attr-defined]
            response = view(request, get_link_scope_or_404(request, may), *args, **named)
            response.headers.setdefault("Cache-Control", "private, no-store")
            return response

        return page

    return decorate


def list_open_pages(scope: LinkScope) -> list[tuple[str, str, str]]:
    """List the pages that a caller may open: (part, URL, label)."""
    return [row for row in NAVIGATION if scope.can_manage or row[0] not in MANAGER_PAGES]


def list_link_pages(request: HttpRequest) -> list[tuple[str, str]]:
    """List the same pages for "go anywhere": (label, URL); none for those who see no links, also as they are suspended.

    Every page asks it, those of errors too.
    """
    try:
        scope = get_link_scope_or_404(request, "view")
    except (Http404, AccountSuspended):
        return []
    pages = [(label if part == "list" else f"Links · {label}", href) for part, href, label in list_open_pages(scope)]
    return [*pages, ("New link", "/links/new"), ("Links · Import", "/links/import")] if scope.can_manage else pages


def render_page(
    request: HttpRequest, scope: LinkScope, template: str, status: int = 200, **context: object
) -> HttpResponse:
    """Render a page with the navigation of links beside it."""
    part = getattr(request, "links_part", "list")
    navigation = [
        {"href": href, "label": label, "current": name == part} for name, href, label in list_open_pages(scope)
    ]
    base = {"section": "links", "settings_nav": navigation, "may_manage": scope.can_manage}
    return render(request, f"links/{template}.html", {**base, **context}, status=status)


@register.simple_tag(takes_context=True)
def may_open_links(context: Context) -> bool:
    """Return whether the reader may open the pages of tracked links."""
    request = context.get("request")
    return request is not None and request.user.is_authenticated and bool(list_link_pages(request))


def build_links_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about links: the modes by their numbers."""
    return {"modes": Mode.choices, "most_conversions": MAX_CONVERSIONS}


def build_clickmeter_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the API: all operations by tag."""
    return {"count": len(OPERATIONS), "by_tag": group_by_tag()}


DOCS_COLLECT = (
    DocPage(
        "links", "Tracked links", "Links, pixels and conversions; from a click to its revenue.", build_links_context
    ),
)
DOCS_PROGRAMS = (
    DocPage(
        "clickmeter", "Links API", "Links and their numbers; ClickMeter's programs work here.", build_clickmeter_context
    ),
)
DOCS_REFERENCE = (build_reference_page("links-reference", "Links API reference", "links:clickmeter description"),)
