"""How much an account may have and use. A limit is the account's own (`account_limits_set`), else its plan's, else the
installation's."""

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
    "seats": AccountLimit(1_000, "members, with those who are invited, without guests"),
    "monthly_events": AccountLimit(0, "events in a month; 0: any number"),
    "events_refused_at": AccountLimit(
        100, "percent of the month's events from which on further ones are rejected; 0: never"
    ),
    "monthly_api_calls": AccountLimit(0, "calls of the APIs in a month; 0: any number"),
    "api_calls_refused_at": AccountLimit(
        120, "percent of the month's API calls from which on further ones are refused; 0: never"
    ),
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
# Built once, because APIs ask it at each request
API_LIMITS = Account.objects.values_list("limits", "plan_limits", "over_api_calls")
MAX_LIMIT, MAX_MONTHLY = 1_000_000_000, 1_000_000_000_000
PERCENTAGES = ("events_refused_at", "api_calls_refused_at")
MIN_REFUSED_AT, MAX_REFUSED_AT = 100, 1_000  # percent
EVENT_QUOTA = "monthly_events"
# What an agency's plan says about what its clients use together
MONTHLY_LIMITS = (EVENT_QUOTA, "monthly_api_calls", *PERCENTAGES)


class ApiLimits(NamedTuple):
    """What a request to an API has to know of its account: limits that are not the installation's, and whether the
    month's calls are used up."""

    chosen: Mapping[str, object]
    over_api_calls: bool


def get_account_limit(account: Account, name: str) -> int:
    """Return the account's own limit of that name, else its plan's, else the default. Raises KeyError for an unknown
    name."""
    return choose_limit(account.chosen_limits, name)


def get_event_quota(account: Account) -> int:
    """Return how many events of a month the account has: its own quota, else its plan's; 0 is any number."""
    return account.monthly_events or get_account_limit(account, EVENT_QUOTA)


def compute_quota_share(account: Account) -> int:
    """Return the percentage of the month's events that are used, as last counted; 0 without a quota."""
    quota = get_event_quota(account)
    return 100 * account.events_used // quota if quota else 0


def load_api_limits(account_id: int) -> ApiLimits:
    """Load the limits of an account of which only the id is known, such as a cached site's."""
    row = next(iter(API_LIMITS.filter(pk=account_id)), None)
    return ApiLimits({}, False) if row is None else ApiLimits({**row[1], **row[0]}, row[2])


def choose_limit(chosen_limits: Mapping[str, object], name: str) -> int:
    """Choose the limit of the account or its plan if it is a valid one, else the default."""
    value = chosen_limits.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return DEFAULT_LIMITS[name]


def check_limit(account: Account, name: str, *, used: int, field: str, what: str) -> None:
    """Raise ValidationError for `field` if the account has as many as it may; `what` is a plural."""
    limit = get_account_limit(account, name)
    if used >= limit:
        raise ValidationError({field: f"This account may have {limit} {what}. Ask the operator for more."})


def validate_change(name: str, value: int | str | None) -> None:
    """Raise ValidationError for an unknown limit and for an invalid value; None restores a default."""
    if name not in LIMITS:
        raise ValidationError(f"“{name}” is not a limit. Use one of: {', '.join(LIMITS)}.")
    if value is None:
        return
    highest = MAX_MONTHLY if name.startswith("monthly_") else MAX_LIMIT
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ValidationError(f"“{name}” is a whole number from 0 to {highest:,}, not “{value}”.")
    if name in PERCENTAGES and value and not MIN_REFUSED_AT <= value <= MAX_REFUSED_AT:
        raise ValidationError(
            f"“{name}” is a percentage from {MIN_REFUSED_AT} to {MAX_REFUSED_AT:,}, or 0 for never, not “{value}”."
        )
