"""Services for guests: people outside the team who see what they were granted, with a key of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account, Invitation, Membership, Role
from accounts.services import member_remove, placeholder_user_get_or_create
from accounts.services.invitations import check_guest_limit, invitation_create
from links.permissions import ALL_LINKS_OPTION, DATAPOINT, GROUP

TEXT_OPTIONS = (
    "notes", "language", "dateFormat", "decimalSeparator", "numberGroupSeparator", "userName", "timeframeMinDate",
)  # fmt: skip
NUMBER_OPTIONS = ("timeZone", "timeFormat")
FLAG_OPTIONS = {
    "hitOptions": ("hideReferrer",),
    "conversionOptions": ("hideCount", "hideValue", "hideCost", "hideComCost", "hideParams"),
    "extendedGrants": ("allowAllGrants", "allowGroupCreation"),
}
GuestOptions: TypeAlias = dict[str, Any]  # ClickMeter's names with texts, numbers, and flags by section
# What of conversions is hidden from a guest, by option
HIDDEN_PARTS = {
    "hideValue": "values", "hideCost": "costs", "hideComCost": "commissions", "hideParams": "parameters",
}  # fmt: skip
PERCENT_OPTIONS = ("percentValue", "percentCommission")


def merge_options(current: GuestOptions, changes: GuestOptions) -> GuestOptions:
    """Merge changes into a guest's options; unknown members are ignored, each value gets its own type."""
    options = dict(current)
    for name in TEXT_OPTIONS:
        if name in changes:
            options[name] = str(changes[name] or "").replace("\x00", "")[:2000]
    for name in NUMBER_OPTIONS:
        if name in changes:
            options[name] = int(changes[name] or 0)
    for section, names in FLAG_OPTIONS.items():
        if isinstance(changes.get(section), dict):
            allowed = {name: bool(value) for name, value in changes[section].items() if name in names}
            options[section] = {**options.get(section, {}), **allowed}
    conversion_options = changes.get("conversionOptions")
    percents: GuestOptions = conversion_options if isinstance(conversion_options, dict) else {}
    for name in PERCENT_OPTIONS:
        if name in percents:
            options["conversionOptions"][name] = min(100, max(0, int(percents[name] or 0)))
    options[ALL_LINKS_OPTION] = bool(options.get("extendedGrants", {}).get("allowAllGrants"))
    return options


def describe_options(options: Mapping[str, Any], kinds: set[str]) -> list[str]:
    """Describe what a guest sees of links: all of them, or those granted (`kinds`), with conversions or without."""
    lines = ["All links, to look at and to change"] if options.get(ALL_LINKS_OPTION) else []
    if not lines and not kinds & {GROUP, DATAPOINT}:
        return []
    conversions, hits = options.get("conversionOptions") or {}, options.get("hitOptions") or {}
    hidden = [word for name, word in HIDDEN_PARTS.items() if conversions.get(name)]
    if conversions.get("hideCount"):
        lines.append("Reports of these links show no conversions")
    else:
        lines.append(
            "Reports of these links show conversions" + (f", not their {' and '.join(hidden)}" if hidden else "")
        )
    return [*lines, *(["Clicks are listed without the pages they came from"] if hits.get("hideReferrer") else [])]


@transaction.atomic
def guest_create(*, account: Account, email: str, name: str = "", options: GuestOptions | None = None) -> Membership:
    """Create a pending guest of the account. Until they accept an invitation, only the guest's own key works.

    There is no parameter for a password, since only the owner of the address may choose one. Raises ValidationError.
    """
    user = placeholder_user_get_or_create(email=email)
    if account.memberships.filter(user=user).exists():
        raise ValidationError({"email": f"{user.email} is in this account already."})
    check_guest_limit(account, user.email)
    chosen = merge_options({"guestName": name[:120]}, options or {})
    guest = Membership.objects.create(user=user, account=account, role=Role.GUEST, options=chosen, accepted=None)
    record_action("member.added", guest, changes={"role": (None, Role.GUEST.value)}, label=user.email)
    return guest


@transaction.atomic
def guest_invite(
    *, account: Account, by: Membership, email: str, name: str = "", options: GuestOptions | None = None
) -> tuple[Membership, Invitation]:
    """Create a pending guest and the invitation to mail. Raises ValidationError, also above a limit."""
    guest = guest_create(account=account, email=email, name=name, options=options)
    return guest, invitation_create(account=account, email=guest.user.email, role=Role.GUEST, by=by)


@transaction.atomic
def guest_update(*, guest: Membership, name: str | None = None, options: GuestOptions | None = None) -> Membership:
    """Change the name the account gives a guest, and their options. E-mail and password are the person's own."""
    before = read_fields(guest)
    if name is not None:
        guest.options = {**guest.options, "guestName": name[:120]}
    guest.options = merge_options(guest.options, options or {})
    guest.save(update_fields=["options"])
    record_change("member.changed", guest, before, label=guest.user.email)
    return guest


def guest_delete(*, guest: Membership, by: Membership) -> None:
    """Remove a guest from the account; the person's log-in stays."""
    member_remove(membership=guest, by=by)
