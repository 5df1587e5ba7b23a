"""Whose usage counts against whose plan."""

from __future__ import annotations

from collections.abc import Collection


def find_counted_accounts(account_ids: Collection[int]) -> dict[int, list[int]]:
    """Find, for each account, the accounts whose usage counts against its plan: itself.

    What counts usage, or shows it, asks this function. An account that pays for others has them in its list; those
    have their own list as well, since each account sees what it uses itself.
    """
    return {account_id: [account_id] for account_id in account_ids}
