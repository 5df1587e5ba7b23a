"""One-time links: to join an account, and (without one) to set up a fresh installation.

Members, guests of sites and guests of links are all invited here, and become members only by opening the link. Only
hashes of tokens are stored: a link can be written only when it was just made (`Invitation.token`), so sending or
showing it again makes a new one, and the earlier link stops working.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone as clock

from accounts import mail
from accounts.account_limits import check_limit
from accounts.audit.context import build_user_actor
from accounts.audit.recording import record_action
from accounts.branding import load_brand
from accounts.keys import hash_key
from accounts.models import Account, Grant, Invitation, Membership, Right, Role, User
from accounts.models.accounts import compute_link_end
from accounts.notices.kinds import INVITATION_ACCEPTED, INVITATION_RECEIVED
from accounts.notices.services import notify
from accounts.permissions import membership_may
from accounts.revocation import DependentAccess
from accounts.security import rate_limits
from accounts.services import (
    account_create,
    account_lock,
    check_seat_limit,
    clean_grants,
    find_existing_objects,
    member_remove,
    member_role_store,
    placeholder_user_delete,
    user_create,
)
from accounts.services.sso_former_members import former_member_forget
from accounts.validators import clean_address

SETUP_HOURS = 24
CLOSED_DAYS = 90  # for which used and revoked links are explained to who opens them
ALREADY_USED = "This link was already used."


# -- setting up ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create_setup_link(base_url: str, now: datetime | None = None) -> str:
    """Create a link to the set-up page that works for SETUP_HOURS; returns "" once somebody can log in.

    Earlier links keep working until they expire. Using one of them ends all.
    """
    if User.objects.has_login_user():
        return ""
    created = now or clock.now()
    Invitation.objects.filter(account=None, expires__lt=created).delete()
    expires = created + timedelta(hours=SETUP_HOURS)
    invitation = Invitation.objects.create(role=Role.OWNER, created=created, expires=expires)
    record_action("invitation.created", invitation)
    return base_url + reverse("accounts:setup", args=[invitation.token])


@transaction.atomic
def installation_setup(
    *, invitation: Invitation, email: str, password: str, name: str, account_name: str, now: datetime
) -> User:
    """Create the first user: operator of the installation, owner of a new account and of ownerless ones (the demo).

    Raises ValidationError, by field.
    """
    _mark_used(invitation, now)
    if User.objects.has_login_user():
        raise ValidationError("This installation is already set up.")
    user = user_create(email=email, password=password, name=name, operator=True)
    account_create(name=account_name, owner=user)
    accounts_adopt(user=user)
    return user


@transaction.atomic
def accounts_adopt(*, user: User) -> None:
    """Make the user owner of every account nobody owns, such as the demo."""
    owned = Membership.objects.accepted().filter(role=Role.OWNER)
    for account in Account.objects.exclude(pk__in=owned.values("account")):
        membership = Membership.objects.create(user=user, account=account, role=Role.OWNER)
        record_action("member.added", membership, changes={"role": (None, Role.OWNER)}, actor=build_user_actor(user))


# -- inviting -----------------------------------------------------------------------------------------------------


@transaction.atomic
def invitation_create(
    *, account: Account, email: str, role: str, by: Membership, grants: Iterable[tuple[str, int, str]] = ()
) -> Invitation:
    """Invite an address into an account; its open invitation is replaced. Raises ValidationError.

    A guest who was added with a key of their own and has not joined keeps key and rights.
    """
    try:
        address = clean_address(email)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    if role not in Role.values or (role == Role.OWNER and by.role != Role.OWNER):
        raise ValidationError({"role": "Only an owner can invite an owner."})
    if account.memberships.accepted().filter(user__email=address).exists():
        raise ValidationError({"email": "This person is already a member. Change their role instead."})
    pending = account.memberships.pending().filter(user__email=address).first()
    if role == Role.GUEST and pending is None:
        check_guest_limit(account, address)
    if role != Role.GUEST:
        check_seat_limit(account, address)
    clean_rows = [list(grant) for grant in clean_grants(account, grants)]  # invalid grants are rejected for any role
    return _create_and_revoke_earlier(account, address, role, by, clean_rows if role == Role.GUEST else [], pending)


@transaction.atomic
def invitation_resend(*, invitation: Invitation, by: Membership) -> Invitation:
    """Give an invitation a new link, which is to be mailed; the old link stops working. Raises ValidationError."""
    _replace_link(invitation, by, is_shown=False)
    record_action("invitation.resent", invitation)
    return invitation


@transaction.atomic
def invitation_link_create(*, invitation: Invitation, by: Membership) -> Invitation:
    """Give an invitation a new link, which is to be shown to `by`; the old link stops working. Raises ValidationError.

    Such a link does not prove that who opens it owns the address.
    """
    _replace_link(invitation, by, is_shown=True)
    record_action("invitation.link_shown", invitation)
    return invitation


@transaction.atomic
def invitation_link_show(*, invitation: Invitation) -> None:
    """Record that the link of a new invitation is shown to the inviter, because no mail could be sent."""
    invitation.link_shown = True
    invitation.save(update_fields=["link_shown"])
    record_action("invitation.link_shown", invitation)


@transaction.atomic
def invitation_revoke(*, invitation: Invitation, now: datetime, by: Membership | None = None) -> None:
    """Revoke an invitation: its link stops working.

    If a person (`by`) does so, the guest whom it invited and who has not joined is removed, with their key and rights.
    If the invitation ends for another reason, such as that the inviter left, the guest can be invited again.
    """
    invitation.revoked = now
    invitation.save(update_fields=["revoked"])
    record_action("invitation.revoked", invitation)
    guest = invitation.membership
    if by is not None and guest is not None and guest.accepted is None:
        member_remove(membership=guest, by=by)


def check_guest_limit(account: Account, email: str = "") -> None:
    """Raise ValidationError if the account may have no further guest. Invited guests count.

    Must run in the transaction that creates the guest.
    """
    account_lock(account)
    invited = account.invitations.open().filter(role=Role.GUEST, membership=None).exclude(email=email)
    used = account.memberships.filter(role=Role.GUEST).count() + invited.count()
    check_limit(account, "guests", used=used, field="email", what="guests")


def check_invitation_limit(account: Account, now: datetime) -> None:
    """Raise ValidationError if the account made as many links as it may in 24 hours."""
    made = account.invitations.filter(created__gt=now - timedelta(days=1)).count()
    check_limit(account, "invitations_per_day", used=made, field="email", what="invitations in 24 hours")


def check_mail_limit(account: Account, email: str) -> None:
    """Count a mail to the address. Raises ValidationError if the account, or all together, mailed as many as they may.

    The account's own limit is lower, so that none can use up an address that others want to invite.
    """
    limits = (rate_limits.INVITATION_PAIR, f"{account.pk} {email}"), (rate_limits.INVITATION_EMAIL, email)
    if wait := rate_limits.count_attempt(*limits):
        raise ValidationError({"email": rate_limits.format_wait_message(wait, "invitations to this address")})


def load_open_invitation_grants(account: Account, email: str) -> list[tuple[str, int, str]]:
    """Load the grants (kind, id, right) of a guest's open invitation, without objects that no longer exist."""
    invitation = account.invitations.open().filter(email=email, role=Role.GUEST).first()
    grants = [(kind, object_id, right) for kind, object_id, right in (invitation.grants if invitation else ())]
    existing = find_existing_objects(account, {(kind, object_id) for kind, object_id, _ in grants})
    return [grant for grant in grants if grant[:2] in existing]


def list_dependent_invitations(membership: Membership, is_leaving: bool) -> Sequence[Invitation]:
    """List the open invitations that the member sent: all when they leave, else those they may no longer send."""
    sent = membership.account.invitations.open().filter(invited_by=membership.user_id)
    if not is_leaving and membership_may(membership, "manage"):
        return [] if membership.role == Role.OWNER else list(sent.filter(role=Role.OWNER))
    return list(sent)


OPEN_INVITATIONS = DependentAccess(
    "Open invitations",
    list_dependent_invitations,
    lambda invitation, now: invitation_revoke(invitation=invitation, now=now),
)


@transaction.atomic
def _create_and_revoke_earlier(
    account: Account, email: str, role: str, by: Membership, grants: list[list[object]], pending: Membership | None
) -> Invitation:
    """Create an invitation and revoke the open ones of the address. Raises ValidationError above the daily limit."""
    now = clock.now()
    account_lock(account)
    check_invitation_limit(account, now)
    check_mail_limit(account, email)
    _delete_old_invitations(account, now)
    account.invitations.open().filter(email=email).update(revoked=now)
    invitation = Invitation.objects.create(
        account=account, email=email, role=role, grants=grants, membership=pending, invited_by_id=by.user_id,
        link_shown=_is_link_exposed(account),
    )  # fmt: skip
    record_action("invitation.created", invitation)
    _notify_invited_user(invitation, by)
    return invitation


def _replace_link(invitation: Invitation, by: Membership, *, is_shown: bool) -> None:
    """Replace the link of an open invitation; a closed row keeps the hash of the old one. Raises ValidationError.

    Only an owner may replace the link of an invitation to become owner.
    """
    if invitation.role == Role.OWNER and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can invite an owner."})
    now, account = clock.now(), invitation.account
    assert account is not None
    account_lock(account)
    if not account.invitations.open().filter(pk=invitation.pk).exists():
        raise ValidationError("This invitation was just used or revoked.")
    check_invitation_limit(account, now)
    if not is_shown:
        check_mail_limit(account, invitation.email)
    _delete_old_invitations(account, now)
    earlier = Invitation(
        account=account, email=invitation.email, role=invitation.role, token_hash=invitation.token_hash,
        invited_by_id=invitation.invited_by_id, created=invitation.created, expires=invitation.expires, revoked=now,
    )  # fmt: skip
    invitation.make_token()
    invitation.link_shown, invitation.invited_by_id = is_shown or _is_link_exposed(account), by.user_id
    invitation.created, invitation.expires = now, compute_link_end()
    invitation.save()
    earlier.save()


def _is_link_exposed(account: Account) -> bool:
    """Whether a link in a mail proves no address because it names the host of the account's white label.

    Whoever controls that host sees the link as soon as somebody, or a program that checks mails, follows it.
    """
    return load_brand(account).white_label


def _notify_invited_user(invitation: Invitation, by: Membership) -> None:
    """Put the invitation into the inbox of the address's user, if it has one; of an account once a day."""
    user = User.objects.filter(email=invitation.email).first()
    values = {
        "inviter": mail.format_inviter(by.user if by.user_id else by.account),
        "account": mail.simplify_name(str(by.account)),
    }
    key = f"{invitation.account_id}:{invitation.created:%Y-%m-%d}"
    notify(INVITATION_RECEIVED, values, account=None, person=user, key=key)


def _delete_old_invitations(account: Account, now: datetime) -> None:
    """Delete closed invitations whose links need no explanation any more."""
    closed = account.invitations.exclude(used=None, revoked=None)
    closed.filter(created__lt=now - timedelta(days=CLOSED_DAYS)).delete()


# -- accepting ----------------------------------------------------------------------------------------------------


def find_open_invitation(token: str, now: datetime) -> Invitation | None:
    """Find the invitation of a link's token, unless it was used or revoked or has expired."""
    rows = Invitation.objects.open().filter(token_hash=hash_key(token), expires__gt=now)
    invitation: Invitation | None = rows.select_related("account", "membership__user", "invited_by").first()
    return invitation


def explain_dead_link(token: str, now: datetime) -> str:
    """Explain why a link to join an account does not work, in a sentence for whoever opened it."""
    invitation = Invitation.objects.exclude(account=None).filter(token_hash=hash_key(token)).first()
    if invitation is None:
        return "This link is unknown here: it is incomplete, or its invitation ended long ago."
    if invitation.used is not None:
        return "This invitation was accepted already."
    if invitation.revoked is None:
        return f"This link has expired: it worked for {settings.INVITATION_DAYS} days."
    others = Invitation.objects.open().filter(account=invitation.account_id, email=invitation.email, expires__gt=now)
    if others.exists():
        return (
            "A newer link has replaced this one. Use the one in the latest mail, or the one that was given to you last."
        )
    return "This invitation was revoked."


@transaction.atomic
def invitation_accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Make the invited user a member of the account, with all that was granted to them meanwhile.

    A guest who is invited as a guest gets the new grants. Raises ValidationError if the link was just used, for a user
    with another address than the invited one, and for any other member of the account, who keeps their role.
    """
    _mark_used(invitation, now)
    if invitation.account is None:
        raise ValidationError("This link sets up an installation; it joins no account.")
    if user.email != invitation.email:
        raise ValidationError(f"This invitation is for {invitation.email}, and you are logged in as {user.email}.")
    existing = invitation.account.memberships.filter(user=user).first()
    if existing is not None and existing.accepted is not None:
        _check_can_merge(existing, invitation)
        membership = existing
    else:
        membership = _accept_membership(invitation, user, existing, now)
    former_member_forget(account=membership.account, user=user)
    for kind, object_id, right in invitation.grants:
        _add_grant(membership, kind, object_id, right)
    changes = {"role": (None, membership.role), "grants": (None, invitation.grants)}
    record_action("invitation.accepted", invitation, actor=build_user_actor(user))
    record_action("member.joined", membership, changes=changes, actor=build_user_actor(user))
    values = {"person": membership.display_name, "role": membership.get_role_display().lower()}
    notify(INVITATION_ACCEPTED, values, account=membership.account, key=str(invitation.pk), by=user)
    return membership


def _check_can_merge(existing: Membership, invitation: Invitation) -> None:
    """Raise ValidationError unless the member is a guest who is invited as a guest."""
    if existing.role == invitation.role == Role.GUEST and invitation.membership is None:
        return
    raise ValidationError(
        f"You are in {existing.account} already, as {existing.get_role_display().lower()}. Ask whoever manages it to "
        "change your role."
    )


def _accept_membership(invitation: Invitation, user: User, existing: Membership | None, now: datetime) -> Membership:
    """Create the membership, or accept a pending one: the user's own (`existing`) or the invitation's."""
    assert invitation.account is not None
    linked = invitation.membership
    membership = existing or (linked if linked is not None and linked.accepted is None else None)
    if membership is None:
        return Membership.objects.create(user=user, account=invitation.account, role=invitation.role, accepted=now)
    invited_user = membership.user
    membership.user, membership.accepted = user, now
    member_role_store(membership=membership, role=invitation.role, fields=["user", "accepted"])
    membership.invitations.open().update(revoked=now)
    if invited_user != user:
        placeholder_user_delete(user=invited_user)
    return membership


def _add_grant(membership: Membership, kind: str, object_id: int, right: str) -> None:
    """Add a grant; of two rights on one object the higher one stays."""
    grant, created = Grant.objects.get_or_create(
        membership=membership, kind=kind, object_id=object_id, defaults={"right": right}
    )
    if not created and right == Right.WRITE != grant.right:
        grant.right = right
        grant.save(update_fields=["right"])


def _mark_used(invitation: Invitation, now: datetime) -> None:
    """Mark the invitation as used. Raises ValidationError if it is not open, as for the second of two at once."""
    if not Invitation.objects.open().filter(pk=invitation.pk).update(used=now):
        raise ValidationError(ALREADY_USED)
