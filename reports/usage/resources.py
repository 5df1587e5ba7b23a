"""What accounts have a number of in `sites`: sites and monitors."""

from __future__ import annotations

from collections.abc import Collection

from accounts.plans.resources import Counts, PlanResource, count_by_account
from sites.models import Site
from sites.uptime.models import Monitor


def count_sites(account_ids: Collection[int]) -> Counts:
    """Count the sites of accounts, without deleted ones."""
    return count_by_account(Site.objects.filter(account__in=account_ids, deleted=None))


def count_monitors(account_ids: Collection[int]) -> Counts:
    """Count the monitors of accounts, without those of deleted sites."""
    rows = Monitor.objects.filter(site__account__in=account_ids, site__deleted=None)
    return count_by_account(rows, "site__account")


SITE_RESOURCES = (PlanResource("sites", "Sites", count_sites), PlanResource("monitors", "Monitors", count_monitors))
