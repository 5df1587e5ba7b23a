"""How many objects of a kind an account may have. An operator changes this by `account_limits_set`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError

from accounts.models import Account


class AccountLimit(NamedTuple):
    """The default of a limit, and what it counts (a plural)."""

    default: int
    meaning: str


# Far more than a large agency uses, little enough that no account can exhaust the installation
LIMITS: dict[str, AccountLimit] = {
    "sites": AccountLimit(2_000, "sites"),
    "monitors": AccountLimit(500, "monitors of uptime"),
    "clients": AccountLimit(500, "accounts of clients"),
    "site_templates": AccountLimit(100, "templates of sites"),
    "channels": AccountLimit(100, "channels that alerts are sent to"),
    "alerts": AccountLimit(1_000, "alerts"),
    "test_messages_per_hour": AccountLimit(20, "test messages to channels in an hour"),
    "invitations_per_day": AccountLimit(50, "invitations in a day"),
    "api_keys_per_site": AccountLimit(100, "API keys of one site"),
    "tokens_per_member": AccountLimit(50, "personal API tokens of one member"),
    "shares_per_site": AccountLimit(100, "shared links of one site"),
    "datapoints": AccountLimit(1_000_000, "links and pixels"),
    "domains": AccountLimit(100, "domains for links"),
    "guests": AccountLimit(1_000, "guests"),
    "streams": AccountLimit(200, "live views open at the same time, in each process"),
    "streams_per_user": AccountLimit(20, "live views of one person open at the same time, in each process"),
    "exports": AccountLimit(50, "exports kept at the same time"),
    "audit_days": AccountLimit(400, "days that the audit log keeps its entries; 0: for ever"),
    "queries": AccountLimit(8, "queries to the event store at the same time, in each process; 0: any number"),
    "query_seconds_per_minute": AccountLimit(
        120, "seconds that queries run in a minute, added up, in each process; 0: any number"
    ),
    "query_megabytes": AccountLimit(3_000, "MB of memory of one query; 0: only the limit in QUERY_LIMITS applies"),
    "clicky_per_minute": AccountLimit(30, "requests of one address to the Clicky API in a minute; 0: any number"),
    "clickport_per_minute": AccountLimit(600, "requests of one key to the Clickport API in a minute; 0: any number"),
    "management_per_minute": AccountLimit(
        600, "requests of one key or personal token to the management API in a minute; 0: any number"
    ),
}
# The operator's defaults (ACCOUNT_LIMITS), else ours
DEFAULT_LIMITS: dict[str, int] = {
    name: settings.ACCOUNT_LIMITS.get(name, limit.default) for name, limit in LIMITS.items()
}
OWN_LIMITS = Account.objects.values_list("limits", flat=True)  # built once, because APIs ask it at each request
MAX_LIMIT, MAX_PLAN_NAME = 1_000_000_000, 60
PLAN_NAME = "plan"  # no limit, but the name of the account's plan, which clients of the link API read


def get_account_limit(account: Account, name: str) -> int:
    """Return the account's own limit of that name, else the default. Raises KeyError for an unknown name."""
    return choose_limit(account.limits, name)


def load_account_limit(account_id: int, name: str) -> int:
    """Load the limit of an account of which only the id is known, such as a cached site's."""
    own_limits = next(iter(OWN_LIMITS.filter(pk=account_id)), None)
    return choose_limit(own_limits or {}, name)


def choose_limit(own_limits: Mapping[str, object], name: str) -> int:
    """Choose the account's own limit if it is a valid one, else the default."""
    value = own_limits.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return DEFAULT_LIMITS[name]


def check_limit(account: Account, name: str, *, used: int, field: str, what: str) -> None:
    """Raise ValidationError for `field` if the account has as many as it may; `what` is a plural."""
    limit = get_account_limit(account, name)
    if used >= limit:
        raise ValidationError({field: f"This account may have {limit} {what}. Ask the operator for more."})


def validate_change(name: str, value: int | str | None) -> None:
    """Raise ValidationError for an unknown limit and for an invalid value."""
    if name != PLAN_NAME and name not in LIMITS:
        raise ValidationError(f"“{name}” is not a limit. Use one of: {', '.join([*LIMITS, PLAN_NAME])}.")
    if name == PLAN_NAME:
        if value is not None and not 0 < len(str(value)) <= MAX_PLAN_NAME:
            raise ValidationError(f"The name of a plan has 1 to {MAX_PLAN_NAME} characters.")
    elif value is not None and (not isinstance(value, int) or not 0 <= value <= MAX_LIMIT):
        raise ValidationError(f"“{name}” is a whole number from 0 to {MAX_LIMIT:,}, not “{value}”.")
