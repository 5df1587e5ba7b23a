"""One-time links: to join an account, and (without one) to set up a fresh installation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import Account, Grant, Invitation, Membership, Role, User
from accounts.services import account_create, cleaned_grants, user_create

DAYS = 14


def setup_invitation() -> Invitation | None:
    """The set-up link of a fresh installation, the same until it is used; None once somebody can log in."""
    if User.objects.somebody_can_log_in():
        return None
    open_link = Invitation.objects.filter(account=None, used=None).order_by("pk").first()
    return open_link or Invitation.objects.create(role=Role.OWNER)


def setup_link(base_url: str) -> str:
    """What `serve` prints at the first start: the address of the set-up page, or "" when there are users."""
    invitation = setup_invitation()
    return f"{base_url}/setup/{invitation.token}" if invitation else ""


@transaction.atomic
def invitation_create(
    *, account: Account, email: str, role: str, by: Membership, grants: Iterable[tuple[str, int, str]] = ()
) -> Invitation:
    """Invite an address into an account; an open one of the same address is replaced. ValidationError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    if role not in Role.values or (role == Role.OWNER and by.role != Role.OWNER):
        raise ValidationError({"role": "Only an owner can invite an owner."})
    if account.memberships.filter(user__email=address).exists():
        raise ValidationError({"email": "This person is already a member."})
    account.invitations.filter(email=address, used=None).delete()
    given = [list(grant) for grant in cleaned_grants(account, grants)]
    if role != Role.GUEST:  # sees more than grants say
        given = []
    return Invitation.objects.create(account=account, email=address, role=role, grants=given)


def open_invitation(token: str, now: datetime) -> Invitation | None:
    """The invitation of this word, unless it was used or is older than DAYS."""
    found = Invitation.objects.filter(token=token, used=None).select_related("account").first()
    if found is None or (found.account is not None and found.created < now - timedelta(days=DAYS)):
        return None
    return found


@transaction.atomic
def invitation_accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """The user joins. Raises ValidationError when somebody used the link a moment earlier."""
    _use(invitation, now)
    if invitation.account is None:
        raise ValidationError("This link sets up an installation; it joins no account.")
    membership, made = Membership.objects.get_or_create(
        user=user, account=invitation.account, defaults={"role": invitation.role}
    )
    if made:
        Grant.objects.bulk_create(
            Grant(membership=membership, kind=kind, object_id=object_id, right=right)
            for kind, object_id, right in invitation.grants
        )
    return membership


@transaction.atomic
def installation_setup(
    *, invitation: Invitation, email: str, password: str, name: str, account_name: str, now: datetime
) -> User:
    """The first user: operator of the installation, owner of a new account and of ownerless ones (the demo).

    Raises ValidationError, by field.
    """
    _use(invitation, now)
    if User.objects.somebody_can_log_in():
        raise ValidationError("This installation is already set up.")
    user = user_create(email=email, password=password, name=name, operator=True)
    account_create(name=account_name, owner=user)
    accounts_adopt(user=user)
    return user


def accounts_adopt(*, user: User) -> None:
    """Make the user owner of every account nobody owns, such as the demo."""
    for account in Account.objects.exclude(memberships__role=Role.OWNER):
        Membership.objects.create(user=user, account=account, role=Role.OWNER)


def _use(invitation: Invitation, now: datetime) -> None:
    """Take the invitation for ourselves; of two at the same moment one gets it."""
    if not Invitation.objects.filter(pk=invitation.pk, used=None).update(used=now):
        raise ValidationError("This link was already used.")
