"""The condition on an account's quota: told when it runs low, and once more when it is used up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from accounts.models import Account
from sites.alerts.conditions import Condition, Firing, Parameter
from sites.alerts.models import Alert


def watch_quota(alert: Alert, now: datetime) -> Sequence[Firing]:
    """So many percent of the month's events are used, by the last count of this month."""
    account = Account.objects.get(pk=alert.site.account_id)
    month = f"{now:%Y-%m}"
    if not account.monthly_events or not account.events_counted or f"{account.events_counted:%Y-%m}" != month:
        return []
    share = account.quota_share
    level = 100 if share >= 100 else int(alert.parameters["percent"])
    told = alert.memory.get("told", 0) if alert.memory.get("month") == month else 0
    alert.memory = {"month": month, "told": max(told, level if share >= level else 0)}
    if share < level or told >= level:
        return []
    return [firing(alert, account, level, month)]


def firing(alert: Alert, account: Account, level: int, month: str) -> Firing:
    """The words of either moment."""
    used, quota = account.events_used, account.monthly_events
    payload = {
        "event": "quota", "site_id": alert.site_id, "account_id": account.pk, "used": used, "quota": quota,
        "percent": account.quota_share,
    }  # fmt: skip
    text = f"{account} has recorded {used:,} of its {quota:,} events of this month."
    if level >= 100:
        text += " Nothing more is recorded until the month ends (UTC)."
        return Firing(f"quota-{alert.pk}-{month}-100", f"{account}: the quota is used up", text, payload)
    subject = f"{account}: {account.quota_share} % of the quota is used"
    return Firing(f"quota-{alert.pk}-{month}-{level}", subject, text + " What comes after that is refused.", payload)


CONDITIONS = (
    Condition(
        "quota", "The quota runs low", "Of the account's events this month; told again when it is used up.",
        (Parameter("percent", "Used by percent", 80.0),), watch_quota,
    ),
)  # fmt: skip
