"""What the operator's billing system is told by webhooks: `plan.changed` at once, `usage.recorded` once a day.

The webhooks are channels without an account, and use all that channels have: signed requests, tries with growing
pauses, an id that stays the same. Higher apps queue what they know by `billing_event_queue` (`sites.alerts.services`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.db.models import QuerySet
from django.utils import timezone as clock

from accounts.models import Account
from accounts.plans.models import Plan
from sites.alerts.models import Channel, Delivery
from sites.alerts.services import billing_event_queue

PLAN_CHANGED, USAGE_RECORDED = "plan.changed", "usage.recorded"
EVENTS: Mapping[str, str] = {
    PLAN_CHANGED: "An account has got another plan, or none",
    USAGE_RECORDED: "What an account with a plan used on a day of UTC, and in its month so far",
}

TEST_PLACE = "the billing of this installation"


def select_webhooks() -> QuerySet[Channel]:
    """Select the webhooks of the installation by name."""
    return Channel.objects.of_installation().order_by("name", "pk")


def select_deliveries() -> QuerySet[Delivery]:
    """Select what was sent to the webhooks of the installation, the latest first."""
    return Delivery.objects.filter(channel__account=None).select_related("channel").order_by("-created", "-pk")


def plan_change_queue(account: Account, before: Plan | None) -> None:
    """Tell the billing system that an account has another plan."""
    now = clock.now()
    name, old = describe_plan(account.plan), before.name if before else None
    billing_event_queue(
        event=PLAN_CHANGED,
        key=f"{PLAN_CHANGED}:{account.pk}:{uuid.uuid4()}",
        text=f"{account} has the plan {account.plan}." if account.plan else f"{account} has no plan any more.",
        payload={"account": describe_account(account), "plan": name, "previous_plan": old, "at": now.isoformat()},
        now=now,
    )


def describe_account(account: Account) -> dict[str, object]:
    """Describe an account in the payload of an event."""
    return {"id": account.pk, "name": account.name}


def describe_plan(plan: Plan | None) -> dict[str, object] | None:
    """Describe a plan in the payload of an event."""
    return None if plan is None else {"id": plan.pk, "name": plan.name, "limits": plan.limits}
