"""Rules of rows are also constraints of the database, so that no code, command or console can violate them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import Account, Invitation
from goals.models import Goal
from reports.incident_costs.models import IncidentPrice
from reports.sharing.models import Share
from sites.alerts.models import Delivery
from sites.models import Change, Site
from sites.uptime.models import Monitor, UptimeHour

APPS = ("accounts", "sites", "goals", "reports")
NOW = datetime(2026, 3, 9, tzinfo=UTC)
FORBIDDEN: list[tuple[models.Model, str]] = [
    (Account(monthly_events=-1), "account_events_not_negative"),
    (Invitation(email="eve@example.com", role="viewer"), "invitation_without_account_is_set_up"),
    (Change(pk=2), "change_is_a_single_row"),
    (Site(retention_months=1201), "site_retention_has_a_limit"),
    (Goal(kind="page", pattern=""), "goal_of_a_page_names_it"),
    (Goal(kind="scroll", threshold=101), "goal_of_scroll_has_a_threshold"),
    (Goal(kind="duration", threshold=0), "goal_of_duration_has_a_threshold"),
    (Monitor(interval=29), "monitor_interval_in_range"),
    (Monitor(timeout=31), "monitor_timeout_in_range"),
    (Monitor(method="PUT"), "monitor_method_is_known"),
    (UptimeHour(checks=1, failures=2), "failures_are_checks"),
    (Delivery(state="sent"), "sent_delivery_says_when"),
    (Delivery(state="waiting", sent=NOW), "sent_delivery_says_when"),
    (Share(embed=True, password="hashed"), "share_in_a_frame_has_no_password"),
    (IncidentPrice(usual_visits=-1, actual_visits=0), "incident_visits_not_negative"),
]


def own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.split(".")[0] in APPS]


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model.__name__)
def test_the_database_enforces_the_choices_of_every_field(model: type[models.Model]) -> None:
    checks = " ".join(str(one.condition) for one in model._meta.constraints if isinstance(one, models.CheckConstraint))
    named = [field.name for field in model._meta.fields if field.choices]
    assert [name for name in named if f"'{name}__in'" not in checks] == []


@pytest.mark.parametrize(("row", "name"), FORBIDDEN, ids=lambda value: value if isinstance(value, str) else "")
def test_rows_that_violate_a_constraint_are_rejected(row: Any, name: str, db: None) -> None:
    constraint = next(one for one in row._meta.constraints if one.name == name)
    with pytest.raises(ValidationError):
        constraint.validate(type(row), row)


def test_an_address_has_one_open_invitation_into_an_account(account: Account) -> None:
    Invitation.objects.create(account=account, email="eve@example.com")
    constraint = next(one for one in Invitation._meta.constraints if one.name == "one_open_invitation_per_address")
    with pytest.raises(ValidationError):
        constraint.validate(Invitation, Invitation(account=account, email="eve@example.com"))
    constraint.validate(Invitation, Invitation(account=account, email="eve@example.com", revoked=NOW))
