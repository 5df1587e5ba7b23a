"""Template tag that tells whether the reader may open pages of links, so that templates display only working URLs."""

from __future__ import annotations

from typing import Any

from django import template

from links.web.layout import list_link_pages

register = template.Library()


@register.simple_tag(takes_context=True)
def may_open_links(context: Any) -> bool:
    """Return whether the reader may open the pages of tracked links."""
    request = context.get("request")
    return request is not None and request.user.is_authenticated and bool(list_link_pages(request))
