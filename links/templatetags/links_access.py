"""Whether a reader has tracked links to see, so that templates show only what opens."""

from __future__ import annotations

from typing import Any

from django import template

from links.pages.frame import link_places

register = template.Library()


@register.simple_tag(takes_context=True)
def may_open_links(context: Any) -> bool:
    """Whether the pages of tracked links open for who reads the page."""
    request = context.get("request")
    return request is not None and request.user.is_authenticated and bool(link_places(request))
