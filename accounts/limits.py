"""How much of something one account may have. An operator gives an account more in `Account.limits`."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from accounts.models import Account

# Far more than a large agency uses, little enough that no account can exhaust the installation
DEFAULT_LIMITS: dict[str, int] = {
    "sites": 2_000,
    "monitors": 500,
    "channels": 100,
    "alerts": 1_000,
    "test_messages_per_hour": 20,
    "invitations_per_day": 50,
    "api_keys_per_site": 100,
    "shares_per_site": 100,
    "datapoints": 1_000_000,
    "domains": 100,
    "guests": 1_000,
    "streams": 200,
    "streams_per_user": 20,
}


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
