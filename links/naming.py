"""Names of links for pages of apps that must not import this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.access import membership_for
from accounts.models import Account
from links.grants import build_link_scope
from reports.pages.arrived import Link


def links_seen_by(user: Any, account: Account, numbers: Iterable[int]) -> dict[int, Link]:
    """Return id -> name and page of those links of the account that this user may see."""
    member = membership_for(user, account)
    if member is None:
        return {}
    rows = build_link_scope(member).datapoints().filter(pk__in=list(numbers))
    return {row.pk: Link(row.title or row.alias, f"/links/{row.pk}") for row in rows}
