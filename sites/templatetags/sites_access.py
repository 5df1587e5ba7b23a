"""Template tag for permissions on a site, so that templates link only to pages that the reader may open."""

from __future__ import annotations

from typing import Any

from django import template

from sites.access import may_on_site
from sites.models import Site

register = template.Library()


@register.simple_tag(takes_context=True)
def may_with_site(context: Any, what: str, site: Any) -> bool:
    """Return whether the reader may do `what` ("view", "edit", "manage") with the site; False for any other object."""
    request = context.get("request")
    if not isinstance(site, Site) or request is None:
        return False
    return may_on_site(request.user, site, what)
