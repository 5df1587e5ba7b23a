"""The sentence on every page of owners and administrators whose account has used up its plan."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest

from accounts.models import Membership, Role, User
from accounts.permissions import select_memberships

MANAGERS = (Role.OWNER, Role.ADMIN)
MAX_WARNINGS = 3


def add_usage_warnings(request: HttpRequest) -> dict[str, object]:
    """Add `list_usage_warnings` to the context of every template; only pages with a header call it."""
    return {"list_usage_warnings": partial(list_usage_warnings, request)}


def list_usage_warnings(request: HttpRequest) -> list[Membership]:
    """List the person's memberships whose accounts have something to say of their use. One statement."""
    if not isinstance(request.user, User):
        return []
    rows = select_memberships(request.user).filter(role__in=MANAGERS, account__suspended=None)
    rows = rows.exclude(account__usage_warning="").select_related("account").order_by("account__name", "pk")
    return list(rows[:MAX_WARNINGS])
