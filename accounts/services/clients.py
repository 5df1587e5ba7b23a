"""Writes of an agency's clients: their accounts, how the agency groups them, and their release."""

from __future__ import annotations

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from accounts.account_limits import EVENT_QUOTA, MONTHLY_LIMITS, check_limit, get_account_limit, get_event_quota
from accounts.audit.recording import read_fields, record_action, record_change
from accounts.clients.models import ClientAccount
from accounts.clients.rules import AGENCY_ROLES, build_client_membership
from accounts.models import Account, Membership, Role, User
from accounts.notices.kinds import CLIENT_RELEASED, NoticeValues
from accounts.notices.services import notify
from accounts.revocation import end_access_at_clients, list_readable_keys
from accounts.selectors import find_agency
from accounts.services.accounts import account_create, account_limits_set, account_lock, account_quota_set
from accounts.validators import clean_labels


@transaction.atomic
def client_create(
    *, agency: Account, name: str, timezone: str | None = None, labels: Iterable[str] = ()
) -> ClientAccount:
    """Create the account of a client, with the agency's time zone unless given, and its limits. What it uses counts
    against the agency's plan until an operator gives it a plan or a quota of its own.

    It has no members of its own yet. Raises ValidationError, also for an agency that is itself a client.
    """
    if find_agency(agency) is not None:
        raise ValidationError("The account of a client cannot have clients.")
    account_lock(agency)
    check_limit(agency, "clients", used=agency.clients.count(), field="name", what="clients")
    account = account_create(name=name, timezone=timezone or agency.timezone)
    account.limits = {name: value for name, value in agency.chosen_limits.items() if name not in MONTHLY_LIMITS}
    account.save(update_fields=["limits"])
    client = ClientAccount(account=account, agency=agency, labels=clean_labels(list(labels)))
    client.save(force_insert=True)
    record_action("client.created", client)
    return client


@transaction.atomic
def client_labels_set(*, client: ClientAccount, labels: Iterable[str]) -> ClientAccount:
    """Set the words by which the agency groups its clients. Raises ValidationError."""
    before = read_fields(client)
    client.labels = clean_labels(list(labels))
    client.save(update_fields=["labels"])
    record_change("client.changed", client, before)
    return client


@transaction.atomic
def client_release(*, client: ClientAccount, by: User | None = None) -> None:
    """Make the account of a client independent: nobody reaches it through the agency any more, and its shared keys
    that the agency's people could read are listed as exposed. If what it used counted against the agency's plan, it
    has the agency's monthly limits as its own from now on.

    It is recorded in both logs; the managers of both are told, but for `by`, who does it. Raises ValidationError unless
    the account has an owner of its own.
    """
    if not has_active_owner(client):
        raise ValidationError("Invite an owner into the account first. Without one, nobody could open it.")
    people = Membership.objects.accepted().filter(account=client.agency, role__in=AGENCY_ROLES)
    reached = [
        build_client_membership(row, row.user, client.account) for row in people.select_related("user").order_by("pk")
    ]
    readable = [(row, list_readable_keys(row)) for row in reached]
    record_action("client.released", client, accounts=[client.agency_id, client.account_id])
    values: NoticeValues = {"client": str(client), "agency": str(client.agency)}
    for account in (client.agency, client.account):
        notify(CLIENT_RELEASED, values, account=account, by=by)
    keep_monthly_limits(client)
    client.delete()
    end_access_at_clients(readable, [], clock.now())


def keep_monthly_limits(client: ClientAccount) -> None:
    """Give the account of a client that has neither a plan nor a quota the monthly limits of its agency."""
    account, agency = client.account, client.agency
    if account.plan_id is not None or account.monthly_events:
        return
    if quota := get_event_quota(agency):
        account_quota_set(account=account, monthly_events=quota)
    monthly = {name: get_account_limit(agency, name) for name in MONTHLY_LIMITS if name != EVENT_QUOTA}
    account_limits_set(account=account, changes=monthly)


def has_active_owner(client: ClientAccount) -> bool:
    """Whether somebody of the client could open its account without the agency."""
    owners = client.account.memberships.accepted().filter(role=Role.OWNER, user__is_active=True)
    return bool(owners.exists())
