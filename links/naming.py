"""The names of links on pages of lower rooms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from accounts.access import membership_for
from accounts.models import Account
from links.grants import build_link_scope
from reports.pages.arrived import Link


def links_seen_by(user: Any, account: Account, numbers: Iterable[int]) -> dict[int, Link]:
    """Number -> name and page of the account's links that this user may see."""
    member = membership_for(user, account)
    if member is None:
        return {}
    rows = build_link_scope(member).datapoints().filter(pk__in=list(numbers))
    return {row.pk: Link(row.title or row.alias, f"/links/{row.pk}") for row in rows}
