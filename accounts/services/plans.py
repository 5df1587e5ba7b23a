"""Writes of plans, and of which plan an account has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from accounts.account_limits import LIMITS, validate_change
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account
from accounts.plans.models import Plan

PlanListener = Callable[[Account, Plan | None], object]  # gets the account and the plan it had before
PLAN_LISTENERS: list[PlanListener] = []
# What a new plan has unless somebody says otherwise: a used-up month ends nothing at once
FIRST_LIMITS: Mapping[str, int] = {"events_refused_at": 120, "api_calls_refused_at": 120}


def register_plan_listener(listener: PlanListener) -> None:
    """Call `listener` in the transaction in which an account gets another plan; used by `config.wiring`."""
    PLAN_LISTENERS.append(listener)


@transaction.atomic
def plan_create(*, name: str, description: str = "", limits: Mapping[str, int | None] | None = None) -> Plan:
    """Create a plan, with FIRST_LIMITS unless the limits say otherwise. Raises ValidationError, by field."""
    plan = Plan(name=" ".join(name.split()), description=" ".join(description.split()))
    plan.limits = _clean_limits(FIRST_LIMITS, limits or {})
    plan.full_clean()
    plan.save()
    record_action("plan.created", plan)
    return plan


@transaction.atomic
def plan_update(
    *,
    plan: Plan,
    name: str | None = None,
    description: str | None = None,
    limits: Mapping[str, int | None] | None = None,
) -> Plan:
    """Change a plan; its accounts have the new limits at once. A limit of None becomes the installation's again.

    Raises ValidationError, by field.
    """
    row = Plan.objects.select_for_update().get(pk=plan.pk)
    before = read_fields(row)
    row.name = row.name if name is None else " ".join(name.split())
    row.description = row.description if description is None else " ".join(description.split())
    row.limits = _clean_limits(row.limits, limits or {})
    row.full_clean()
    row.save()
    row.accounts.update(plan_limits=row.limits)
    record_change("plan.changed", row, before)
    return row


@transaction.atomic
def plan_delete(*, plan: Plan) -> None:
    """Delete a plan that no account has. Raises ValidationError."""
    row = Plan.objects.select_for_update().get(pk=plan.pk)
    if used := row.accounts.count():
        raise ValidationError(f"{used} accounts have this plan. Give them another one first.")
    record_action("plan.deleted", row)
    row.delete()


@transaction.atomic
def account_plan_set(*, account: Account, plan: Plan | None) -> None:
    """Give an account a plan, or none; does nothing if it has it already. What it is over then is counted soon after.

    Nothing that exists is deleted: an account with more than its plan includes keeps it, and cannot add to it.
    """
    row = Account.objects.select_for_update(of=("self",)).select_related("plan").get(pk=account.pk)
    new = Plan.objects.select_for_update().get(pk=plan.pk) if plan is not None else None
    old = row.plan
    if old == new:
        return
    row.plan, row.plan_limits = new, new.limits if new is not None else {}
    row.save(update_fields=["plan", "plan_limits"])
    account.plan, account.plan_limits = row.plan, row.plan_limits
    names = (old.name if old else None, new.name if new else None)
    record_action("account.plan_changed", row, changes={"plan": names}, accounts=[row.pk, None])
    for listener in PLAN_LISTENERS:
        listener(row, old)


def list_plans() -> QuerySet[Plan]:
    """Select the plans by name."""
    return Plan.objects.order_by("name", "pk")


def _clean_limits(stored: Mapping[str, int], changes: Mapping[str, int | None]) -> dict[str, int]:
    """Apply changes to limits, in the order of LIMITS. Raises ValidationError for `limits`."""
    for name, value in changes.items():
        try:
            validate_change(name, value)
        except ValidationError as error:
            raise ValidationError({"limits": error.messages}) from error
    values = {**stored, **changes}
    return {name: value for name in LIMITS if (value := values.get(name)) is not None}
