"""What a reader may do with a site, so that templates show only what opens."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.access import allowed
from sites.access import KIND
from sites.models import Site

register = template.Library()


@register.simple_tag(takes_context=True)
def may_with_site(context: Any, what: str, site: Any) -> bool:
    """Whether who reads the page may do `what` ("view", "edit", "manage") with the site; not with what is none."""
    request = context.get("request")
    if not isinstance(site, Site) or request is None:
        return False
    return allowed(request.user, site.account, KIND, site.pk, what)
