"""How much of something one account may have. An operator gives it more or less by `account_limits_set`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account


class Limit(NamedTuple):
    """How many an account may have unless an operator says otherwise, and of what."""

    default: int
    meaning: str


# Far more than a large agency uses, little enough that no account can exhaust the installation
LIMITS: dict[str, Limit] = {
    "sites": Limit(2_000, "sites"),
    "monitors": Limit(500, "monitors of uptime"),
    "channels": Limit(100, "channels that alerts are sent to"),
    "alerts": Limit(1_000, "alerts"),
    "test_messages_per_hour": Limit(20, "test messages to channels in an hour"),
    "invitations_per_day": Limit(50, "invitations in a day"),
    "api_keys_per_site": Limit(100, "API keys of one site"),
    "shares_per_site": Limit(100, "shared links of one site"),
    "datapoints": Limit(1_000_000, "links and pixels"),
    "domains": Limit(100, "domains for links"),
    "guests": Limit(1_000, "guests"),
    "streams": Limit(200, "live views open at the same time, in each process"),
    "streams_per_user": Limit(20, "live views of one person open at the same time, in each process"),
    "clicky_per_minute": Limit(30, "requests of one address to the Clicky API in a minute; 0: any number"),
    "clickport_per_minute": Limit(600, "requests of one key to the Clickport API in a minute; 0: any number"),
}
DEFAULT_LIMITS: dict[str, int] = {name: limit.default for name, limit in LIMITS.items()}
MAX_LIMIT, MAX_PLAN_NAME = 1_000_000_000, 60
PLAN = "plan"  # no limit, but the name of the account's plan, which link programs read


def account_limit(account: Account, name: str) -> int:
    """The account's own limit of that name, else the default. KeyError for a name that is no limit."""
    given = account.limits.get(name)
    own = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    return given if own else DEFAULT_LIMITS[name]


def check_limit(account: Account, name: str, *, used: int, field: str, what: str) -> None:
    """Refuse one more than the account may have. Raises ValidationError naming `field`; `what` is a plural."""
    most = account_limit(account, name)
    if used >= most:
        raise ValidationError({field: f"This account may have {most} {what}. Ask the operator for more."})


@transaction.atomic
def account_limits_set(*, account: Account, changes: Mapping[str, int | str | None]) -> None:
    """Change the account's own limits; None gives it the default back. Raises ValidationError without a change."""
    row = Account.objects.select_for_update().get(pk=account.pk)
    for name, value in changes.items():
        check_change(name, value)
        row.limits = {key: kept for key, kept in row.limits.items() if key != name}
        if value is not None:
            row.limits[name] = value
    row.save(update_fields=["limits"])
    account.limits = row.limits


def check_change(name: str, value: int | str | None) -> None:
    """Raise ValidationError for a name that is no limit, and for a value that this limit cannot have."""
    if name != PLAN and name not in LIMITS:
        raise ValidationError(f"“{name}” is no limit. Use one of: {', '.join([*LIMITS, PLAN])}.")
    if name == PLAN:
        if value is not None and not 0 < len(str(value)) <= MAX_PLAN_NAME:
            raise ValidationError(f"The name of a plan has 1 to {MAX_PLAN_NAME} characters.")
    elif value is not None and (not isinstance(value, int) or not 0 <= value <= MAX_LIMIT):
        raise ValidationError(f"“{name}” is a whole number from 0 to {MAX_LIMIT:,}, not “{value}”.")
