"""Registry of the conditions that alerts can have, and the one that an account's quota runs low. Higher apps register
theirs in `config.wiring`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime

from accounts.account_limits import compute_quota_share, get_event_quota
from accounts.models import Account
from accounts.plans.monthly_use import build_event_use
from sites.alerts.models import Alert


@dataclass(frozen=True)
class AlertNotification:
    """The notification that a condition holds. A channel gets each `key` once."""

    key: str
    subject: str
    text: str
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ConditionParameter:
    """A parameter of a condition, and its form field. `check` raises ValueError with a sentence for an invalid text."""

    name: str
    label: str
    _: KW_ONLY
    default: object
    help: str = ""
    required: bool = True
    check: Callable[[str], object] | None = None


Evaluate = Callable[[Alert, datetime], Sequence[AlertNotification]]


@dataclass(frozen=True)
class AlertCondition:
    """A row of the registry.

    `evaluate` is polled; it returns the notifications that are due and may store state in `alert.memory`. A condition
    without it is never polled: its notifications are sent by events.
    """

    name: str
    label: str
    _: KW_ONLY
    doc: str
    parameters: tuple[ConditionParameter, ...] = ()
    evaluate: Evaluate | None = None


CONDITIONS: dict[str, AlertCondition] = {}


def register_conditions(*conditions: AlertCondition) -> None:
    """Add conditions to the registry; called once at start."""
    CONDITIONS.update({condition.name: condition for condition in conditions})


def evaluate_quota(alert: Alert, now: datetime) -> Sequence[AlertNotification]:
    """Return a notification if the used part of the month's quota has reached the alert's percentage, or 100 %."""
    account = Account.objects.get(pk=alert.site.account_id)
    month = f"{now:%Y-%m}"
    if not get_event_quota(account) or not account.events_counted or f"{account.events_counted:%Y-%m}" != month:
        return []
    share = compute_quota_share(account)
    level = 100 if share >= 100 else int(alert.parameters["percent"])
    notified_level = alert.memory.get("notified", 0) if alert.memory.get("month") == month else 0
    alert.memory = {"month": month, "notified": max(notified_level, level if share >= level else 0)}
    if share < level or notified_level >= level:
        return []
    return [build_quota_notification(alert, account, level, month)]


def build_quota_notification(alert: Alert, account: Account, level: int, month: str) -> AlertNotification:
    """Build the notification that `level` percent of the quota are used."""
    used, quota, share = account.events_used, get_event_quota(account), compute_quota_share(account)
    payload = {
        "event": "quota", "site_id": alert.site_id, "account_id": account.pk, "used": used, "quota": quota,
        "percent": share,
    }  # fmt: skip
    text = f"{account} has recorded {used:,} of its {quota:,} events of this month."
    if level >= 100:
        text += f" {build_event_use(account).consequence}"
        return AlertNotification(f"quota-{alert.pk}-{month}-100", f"{account}: the quota is used up", text, payload)
    subject = f"{account}: {share} % of the quota is used"
    return AlertNotification(
        f"quota-{alert.pk}-{month}-{level}", subject, f"{text} {build_event_use(account).consequence}", payload
    )


ACCOUNT_CONDITIONS = (
    AlertCondition(
        "quota", "The quota runs low", doc="Of the account's events this month; notifies again when it is used up.",
        parameters=(ConditionParameter("percent", "Used by percent", default=80.0),), evaluate=evaluate_quota,
    ),
)  # fmt: skip
