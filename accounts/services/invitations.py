"""One-time links: to join an account, and (without one) to set up a fresh installation.

A person becomes a member only by opening the link that was mailed to them. Only hashes of tokens are stored: a link can
be written only when its invitation was just created (`Invitation.token`), so sending it again creates a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPDataError, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPSenderRefused

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
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
from accounts.notices.kinds import INVITATION_ACCEPTED, INVITATION_RECEIVED
from accounts.notices.services import notify
from accounts.permissions import membership_may
from accounts.revocation import DependentAccess
from accounts.services import (
    account_create,
    account_lock,
    clean_grants,
    find_existing_objects,
    member_role_store,
    placeholder_user_delete,
    user_create,
)

INVITATION_DAYS = 14
SETUP_HOURS = 24
ALREADY_USED = "This link was already used."
ADDRESS_REJECTED = "The mail server does not accept mail for this address. Check its spelling."
MAIL_REJECTED = "The mail server rejected this mail. Ask the operator of this installation, whose log says why."
log = logging.getLogger(__name__)


# -- setting up ---------------------------------------------------------------------------------------------------


@transaction.atomic
def create_setup_link(base_url: str, now: datetime | None = None) -> str:
    """Create a link to the set-up page that works for SETUP_HOURS; returns "" once somebody can log in.

    Earlier links keep working until they expire. Using one of them ends all.
    """
    if User.objects.has_login_user():
        return ""
    expired = (now or clock.now()) - timedelta(hours=SETUP_HOURS)
    Invitation.objects.filter(account=None, created__lt=expired).delete()
    invitation = Invitation.objects.create(role=Role.OWNER)
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
    """Invite an address into an account; its open invitation is replaced. Raises ValidationError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    if role not in Role.values or (role == Role.OWNER and by.role != Role.OWNER):
        raise ValidationError({"role": "Only an owner can invite an owner."})
    if account.memberships.accepted().filter(user__email=address).exists():
        raise ValidationError({"email": "This person is already a member. Change their role instead."})
    pending = account.memberships.pending().filter(user__email=address).first()
    if role == Role.GUEST and pending is None:
        check_guest_limit(account, address)
    clean_rows = [list(grant) for grant in clean_grants(account, grants)]  # invalid grants are rejected for any role
    return _create_and_revoke_earlier(account, address, role, by, clean_rows if role == Role.GUEST else [], pending)


@transaction.atomic
def pending_member_invite(*, membership: Membership, by: Membership) -> Invitation:
    """Invite the person of a pending membership again. Raises ValidationError above the limit for a day."""
    if membership.accepted is not None:
        raise ValidationError({"email": "This person is already a member."})
    return _create_and_revoke_earlier(membership.account, membership.user.email, membership.role, by, [], membership)


@transaction.atomic
def invitation_renew(*, invitation: Invitation, by: Membership) -> Invitation:
    """Replace an invitation by one with a new link; the old link stops working. Raises ValidationError.

    Only an owner may renew an invitation to become owner.
    """
    if invitation.role == Role.OWNER and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can invite an owner."})
    assert invitation.account is not None
    return _create_and_revoke_earlier(
        invitation.account, invitation.email, invitation.role, by, invitation.grants, invitation.membership
    )


@transaction.atomic
def invitation_revoke(*, invitation: Invitation, now: datetime) -> None:
    """Revoke an invitation: its link stops working."""
    invitation.revoked = now
    invitation.save(update_fields=["revoked"])
    record_action("invitation.revoked", invitation)


def check_guest_limit(account: Account, email: str = "") -> None:
    """Raise ValidationError if the account may have no further guest. Invited guests count.

    Must run in the transaction that creates the guest.
    """
    account_lock(account)
    invited = account.invitations.open().filter(role=Role.GUEST, membership=None).exclude(email=email)
    used = account.memberships.filter(role=Role.GUEST).count() + invited.count()
    check_limit(account, "guests", used=used, field="email", what="guests")


def check_invitation_limit(account: Account, now: datetime) -> None:
    """Raise ValidationError if the account has sent as many invitations as it may in 24 hours."""
    sent = account.invitations.filter(created__gt=now - timedelta(days=1)).count()
    check_limit(account, "invitations_per_day", used=sent, field="email", what="invitations in 24 hours")


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
    _delete_old_invitations(account, now)
    account.invitations.open().filter(email=email).update(revoked=now)
    invitation = Invitation.objects.create(
        account=account, email=email, role=role, grants=grants, membership=pending, invited_by_id=by.user_id
    )
    record_action("invitation.created", invitation)
    _notify_invited_user(invitation, by)
    return invitation


def _notify_invited_user(invitation: Invitation, by: Membership) -> None:
    """Put the invitation into the inbox of the address's user, if it has one; of an account once a day."""
    user = User.objects.filter(email=invitation.email).first()
    values = {
        "inviter": format_inviter(by.user if by.user_id else by.account),
        "account": mail.simplify_name(str(by.account)),
    }
    key = f"{invitation.account_id}:{invitation.created:%Y-%m-%d}"
    notify(INVITATION_RECEIVED, values, account=None, person=user, key=key)


def _delete_old_invitations(account: Account, now: datetime) -> None:
    """Delete closed invitations that no longer count against the limit for a day."""
    closed = account.invitations.exclude(used=None, revoked=None)
    closed.filter(created__lt=now - timedelta(days=INVITATION_DAYS)).delete()


# -- mailing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InvitationMailing:
    """The outcome of mailing an invitation. `link` is for the inviter to pass on; it is empty if a mail was sent.

    `rejection` is the message to show if the mail server rejected this mail.
    """

    mailed: bool
    link: str = ""
    rejection: str = ""

    @property
    def message(self) -> str:
        """The message to show to the inviter."""
        if self.mailed:
            return "Invited. The link is on its way by e-mail."
        if self.link:
            return "Invited. No mail could be sent: pass the link on yourself. It is shown only once."
        return self.rejection


def mail_invitation(invitation: Invitation, inviter: object) -> InvitationMailing:
    """Mail the link to the invited person.

    The inviter gets the link only if no mail server can be reached, or mail is written to files instead of sent: with
    the link they could choose the password for somebody else's address. They do not get it if the server rejects the
    mail, because the inviter chose what it rejects (address, sender, names).
    """
    account = invitation.account
    assert account is not None and invitation.token, "only a newly created invitation has its token"
    brand = mail.simplify_brand_name(load_brand(account))
    link = brand.base_url + reverse("accounts:join", args=[invitation.token])
    context = {
        "account_name": mail.simplify_name(str(account)), "inviter": format_inviter(inviter), "days": INVITATION_DAYS,
        "role": invitation.get_role_display(),
    }  # fmt: skip
    try:
        mail.send(to=invitation.email, template="accounts/invitation.txt", brand=brand, link=link, **context)
    except SMTPRecipientsRefused:
        return InvitationMailing(mailed=False, rejection=ADDRESS_REJECTED)
    except (SMTPSenderRefused, SMTPDataError, SMTPNotSupportedError) as error:
        log.warning("The mail server rejected an invitation of account %s: %s", account.pk, error)
        return InvitationMailing(mailed=False, rejection=MAIL_REJECTED)
    except OSError:  # smtplib's errors are OSErrors
        return InvitationMailing(mailed=False, link=link)
    is_written_to_files = mail.get_mail_folder() is not None
    return InvitationMailing(mailed=not is_written_to_files, link=link if is_written_to_files else "")


def format_inviter(inviter: object) -> str:
    """Format the inviter's name for the mail: a user's, or the account's if its key was used."""
    name = mail.simplify_name(inviter.name if isinstance(inviter, User) else str(inviter))
    return name or (inviter.email if isinstance(inviter, User) else "")


# -- accepting ----------------------------------------------------------------------------------------------------


def find_open_invitation(token: str, now: datetime) -> Invitation | None:
    """Find the invitation of a link's token, unless it was used or revoked or has expired."""
    rows = Invitation.objects.open().filter(token_hash=hash_key(token))
    invitation: Invitation | None = rows.select_related("account", "membership__user").first()
    if invitation is None or invitation.created < now - get_link_lifetime(invitation):
        return None
    return invitation


def get_link_lifetime(invitation: Invitation) -> timedelta:
    """Return how long the link works."""
    return timedelta(hours=SETUP_HOURS) if invitation.account_id is None else timedelta(days=INVITATION_DAYS)


@transaction.atomic
def invitation_accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Make the user a member of the account, with all that was granted to the invited person meanwhile.

    A guest who is invited as a guest gets the new grants. Raises ValidationError if the link was just used, and for any
    other member of the account: they keep their role, and the link still works for the invited person.
    """
    _mark_used(invitation, now)
    if invitation.account is None:
        raise ValidationError("This link sets up an installation; it joins no account.")
    existing = invitation.account.memberships.filter(user=user).first()
    if existing is not None and existing.accepted is not None:
        _check_can_merge(existing, invitation)
        membership = existing
    else:
        membership = _accept_membership(invitation, user, existing, now)
    for kind, object_id, right in invitation.grants:
        _add_grant(membership, kind, object_id, right)
    changes = {"role": (None, membership.role), "grants": (None, invitation.grants)}
    record_action("member.joined", membership, changes=changes, actor=build_user_actor(user))
    values = {"person": membership.display_name, "role": membership.get_role_display().lower()}
    notify(INVITATION_ACCEPTED, values, account=membership.account, key=str(invitation.pk), by=user)
    return membership


def _check_can_merge(existing: Membership, invitation: Invitation) -> None:
    """Raise ValidationError unless the member is a guest who is invited as a guest."""
    if existing.role == invitation.role == Role.GUEST and invitation.membership is None:
        return
    raise ValidationError(
        f"You are in {existing.account} already, as {existing.get_role_display().lower()}. Log in as "
        f"{invitation.email} to use this invitation, or have your role changed."
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
