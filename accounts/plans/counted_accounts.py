"""Whose usage counts against whose plan."""

from __future__ import annotations

from collections.abc import Collection

from accounts.clients.models import ClientAccount


def find_counted_accounts(account_ids: Collection[int]) -> dict[int, list[int]]:
    """Find, for each account, the accounts whose usage counts against its plan: itself and, for an agency, its clients
    that have neither a plan nor a quota of their own.

    What counts usage, or shows it, asks this function. Those clients have their own list as well, since each account
    sees what it uses itself.
    """
    counted = {account_id: [account_id] for account_id in account_ids}
    clients = ClientAccount.objects.filter(agency__in=counted, account__plan=None, account__monthly_events=0)
    for agency_id, account_id in clients.order_by("pk").values_list("agency_id", "account_id"):
        counted[agency_id].append(account_id)
    return counted
