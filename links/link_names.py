"""Names of links for pages of apps that must not import this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from accounts.models import Account
from accounts.permissions import find_membership
from links.permissions import build_link_scope
from reports.dashboard.link_labels import LinkLabel


def list_visible_links(user: Any, account: Account, numbers: Iterable[int]) -> dict[int, LinkLabel]:
    """Return id -> name and page of those links of the account that this user may see."""
    member = find_membership(user, account)
    if member is None:
        return {}
    rows = build_link_scope(member).datapoints().filter(pk__in=list(numbers))
    return {row.pk: LinkLabel(row.title or row.alias, reverse("links:report", args=[row.pk])) for row in rows}
