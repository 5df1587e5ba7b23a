"""Permissions of users in accounts."""

from __future__ import annotations

from accounts.models import Account
from accounts.permissions import Actor, find_membership, membership_may


def may_in_account(actor: Actor, account: Account, permission: str) -> bool:
    """Whether the actor has a permission for everything in the account."""
    return membership_may(find_membership(actor, account), permission)
