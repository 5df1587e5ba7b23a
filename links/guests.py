"""Writes about guests: people outside the team who see, with their own key and log-in, what they were granted."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.crypto import get_random_string

from accounts.access import ALL_THINGS
from accounts.models import Account, Membership, Role, User
from accounts.services import user_create

TEXTS = ("notes", "language", "dateFormat", "decimalSeparator", "numberGroupSeparator", "userName", "timeframeMinDate")
NUMBERS = ("timeZone", "timeFormat")
FLAGS = {
    "hitOptions": ("hideReferrer",),
    "conversionOptions": ("hideCount", "hideValue", "hideCost", "hideComCost", "hideParams"),
    "extendedGrants": ("allowAllGrants", "allowGroupCreation"),
}
PERCENTS = ("percentValue", "percentCommission")


def options_of(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """A guest's options with what is given changed; only known members, each of its own type."""
    found = dict(old)
    for name in TEXTS:
        if name in given:
            found[name] = str(given[name] or "").replace("\x00", "")[:2000]
    for name in NUMBERS:
        if name in given:
            found[name] = int(given[name] or 0)
    for group, names in FLAGS.items():
        if isinstance(given.get(group), dict):
            found[group] = {**found.get(group, {}), **{n: bool(v) for n, v in given[group].items() if n in names}}
    told = given.get("conversionOptions")
    percents: dict[str, Any] = told if isinstance(told, dict) else {}
    for name in PERCENTS:
        if name in percents:
            found["conversionOptions"][name] = min(100, max(0, int(percents[name] or 0)))
    found[ALL_THINGS] = bool(found.get("extendedGrants", {}).get("allowAllGrants"))
    return found


@transaction.atomic
def guest_create(
    *, account: Account, email: str, name: str = "", password: str = "", options: dict[str, Any] | None = None
) -> Membership:
    """A guest of the account. A person who has a log-in already keeps it and their password."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationError({"email": "This is not an e-mail address."}) from None
    if Membership.objects.filter(account=account, user__email=email).exists():
        raise ValidationError({"email": f"{email} is in this account already."})
    user = User.objects.filter(email=email).first()
    if user is None:
        user = user_create(email=email, password=password or get_random_string(24), name=name[:120])
    return Membership.objects.create(
        user=user, account=account, role=Role.GUEST, options=options_of({"guestName": name[:120]}, options or {})
    )


@transaction.atomic
def guest_update(*, guest: Membership, name: str | None = None, options: dict[str, Any] | None = None) -> Membership:
    """Change how the account calls its guest, and what they see. E-mail and password are the person's own."""
    if name is not None:
        guest.options = {**guest.options, "guestName": name[:120]}
    guest.options = options_of(guest.options, options or {})
    guest.save(update_fields=["options"])
    return guest


@transaction.atomic
def guest_delete(*, guest: Membership) -> None:
    """The person is no guest of this account any more; their log-in stays theirs."""
    guest.delete()
