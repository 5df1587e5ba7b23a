"""One-time links: to join an account, and (without one) to set up a fresh installation.

Nobody becomes a member but by opening the link that was mailed to them. Only hashes of links are stored, so a link is
known at its birth (`Invitation.token`) and never again; sending it again makes a new one.
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
from accounts.access import membership_may
from accounts.brand import brand_of
from accounts.keys import key_hash
from accounts.limits import check_limit
from accounts.models import Account, Grant, Invitation, Membership, Right, Role, User
from accounts.operations import mailbox
from accounts.revocation import MemberWork
from accounts.services import (
    account_create,
    account_lock,
    cleaned_grants,
    existing_things,
    member_key_rotate,
    user_create,
    user_placeholder_forget,
)

DAYS = 14
SETUP_HOURS = 24
ALREADY_USED = "This link was already used."
ADDRESS_REFUSED = "The mail server does not take mail for this address. Look whether it is spelt right."
MAIL_REFUSED = "The mail server refused this mail. Ask the operator of this installation, whose log says why."
log = logging.getLogger(__name__)


# -- setting up ---------------------------------------------------------------------------------------------------


def setup_link(base_url: str, now: datetime | None = None) -> str:
    """A new link to the set-up page, good for SETUP_HOURS, or "" once somebody can log in.

    Those printed before work as long as they would have; any one's use ends all.
    """
    if User.objects.somebody_can_log_in():
        return ""
    too_old = (now or clock.now()) - timedelta(hours=SETUP_HOURS)
    Invitation.objects.filter(account=None, created__lt=too_old).delete()
    return f"{base_url}/setup/{Invitation.objects.create(role=Role.OWNER).token}"


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
    owned = Membership.objects.accepted().filter(role=Role.OWNER)
    for account in Account.objects.exclude(pk__in=owned.values("account")):
        Membership.objects.create(user=user, account=account, role=Role.OWNER)


# -- inviting -----------------------------------------------------------------------------------------------------


@transaction.atomic
def invitation_create(
    *, account: Account, email: str, role: str, by: Membership, grants: Iterable[tuple[str, int, str]] = ()
) -> Invitation:
    """Invite an address into an account; an open invitation of the same address is replaced. ValidationError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise ValidationError({"email": error.messages}) from error
    if role not in Role.values or (role == Role.OWNER and by.role != Role.OWNER):
        raise ValidationError({"role": "Only an owner can invite an owner."})
    if account.memberships.accepted().filter(user__email=address).exists():
        raise ValidationError({"email": "This person is already a member."})
    pending = account.memberships.pending().filter(user__email=address).first()
    if role == Role.GUEST and pending is None:
        check_guest_limit(account, address)
    given = [list(grant) for grant in cleaned_grants(account, grants)]  # refused whatever the role
    return _issue(account, address, role, by, given if role == Role.GUEST else [], pending)


@transaction.atomic
def pending_member_invite(*, membership: Membership, by: Membership) -> Invitation:
    """Invite the person of a pending membership (again). Raises ValidationError when too many were invited today."""
    if membership.accepted is not None:
        raise ValidationError({"email": "This person is already a member."})
    return _issue(membership.account, membership.user.email, membership.role, by, [], membership)


@transaction.atomic
def invitation_renew(*, invitation: Invitation, by: Membership) -> Invitation:
    """The same invitation with a new link; the old link ends. Raises ValidationError.

    Only an owner sends out an invitation to become owner.
    """
    if invitation.role == Role.OWNER and by.role != Role.OWNER:
        raise ValidationError({"role": "Only an owner can invite an owner."})
    assert invitation.account is not None
    return _issue(invitation.account, invitation.email, invitation.role, by, invitation.grants, invitation.membership)


@transaction.atomic
def invitation_revoke(*, invitation: Invitation, now: datetime) -> None:
    """Take an invitation back: its link ends."""
    invitation.revoked = now
    invitation.save(update_fields=["revoked"])


def check_guest_limit(account: Account, email: str = "") -> None:
    """Refuse one guest more than the account may have; those invited count. Raises ValidationError.

    Must run inside the transaction that makes the guest.
    """
    account_lock(account)
    invited = account.invitations.open().filter(role=Role.GUEST, membership=None).exclude(email=email)
    used = account.memberships.filter(role=Role.GUEST).count() + invited.count()
    check_limit(account, "guests", used=used, field="email", what="guests")


def check_invitation_limit(account: Account, now: datetime) -> None:
    """Refuse one invitation more than the account may send in 24 hours. Raises ValidationError."""
    sent = account.invitations.filter(created__gt=now - timedelta(days=1)).count()
    check_limit(account, "invitations_per_day", used=sent, field="email", what="invitations in 24 hours")


def grants_of_open_invitation(account: Account, email: str) -> list[tuple[str, int, str]]:
    """(kind, id, right) that the guest invited at this address is waiting for, of what is still there."""
    waiting = account.invitations.open().filter(email=email, role=Role.GUEST).first()
    grants = [(kind, number, right) for kind, number, right in (waiting.grants if waiting else ())]
    there = existing_things(account, {(kind, number) for kind, number, _ in grants})
    return [grant for grant in grants if grant[:2] in there]


def open_invitations_by(membership: Membership, leaves: bool) -> Sequence[Invitation]:
    """The open invitations that the person sent: all once they leave, else those they could not send any more."""
    sent = membership.account.invitations.open().filter(invited_by=membership.user_id)
    if not leaves and membership_may(membership, "manage"):
        return [] if membership.role == Role.OWNER else list(sent.filter(role=Role.OWNER))
    return list(sent)


OPEN_INVITATIONS = MemberWork(
    "Open invitations", open_invitations_by, lambda invitation, now: invitation_revoke(invitation=invitation, now=now)
)


def _issue(
    account: Account, email: str, role: str, by: Membership, grants: list[list[object]], pending: Membership | None
) -> Invitation:
    """A new invitation instead of the open ones of the address. Raises ValidationError above the day's limit."""
    now = clock.now()
    account_lock(account)
    check_invitation_limit(account, now)
    _forget_old(account, now)
    account.invitations.open().filter(email=email).update(revoked=now)
    return Invitation.objects.create(
        account=account, email=email, role=role, grants=grants, membership=pending, invited_by_id=by.user_id
    )


def _forget_old(account: Account, now: datetime) -> None:
    """Delete rows that neither open anything nor count against the limit."""
    over = account.invitations.exclude(used=None, revoked=None)
    over.filter(created__lt=now - timedelta(days=DAYS)).delete()


# -- mailing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MailedInvitation:
    """What became of an invitation's mail. `link` is to be passed on by hand: empty unless no mail could be sent.

    `refusal` says why the mail server would not take this mail.
    """

    mailed: bool
    link: str = ""
    refusal: str = ""

    @property
    def sentence(self) -> str:
        """What to tell the person who invited."""
        if self.mailed:
            return "Invited. The link is on its way by e-mail."
        if self.link:
            return "Invited. No mail could be sent: pass the link on yourself, it is shown this once."
        return self.refusal


def mail_invitation(invitation: Invitation, inviter: object) -> MailedInvitation:
    """Mail the link to the invited person. Only where mail is not really sent, or no server can be had, does the
    inviter get it: otherwise they could choose the password of somebody else's address. A mail that the server refuses
    is not such a case, for what it refuses (address, sender, names) the inviter chose.
    """
    account = invitation.account
    assert account is not None and invitation.token, "a link can be mailed only by whoever just made it"
    brand = mail.plain_brand(brand_of(account))
    link = brand.base_url + reverse("join", args=[invitation.token])
    facts = {"account_name": mail.plain_name(str(account)), "inviter": inviter_name(inviter), "days": DAYS}
    role = invitation.get_role_display()
    try:
        mail.send(to=invitation.email, template="invitation", brand=brand, link=link, role=role, **facts)
    except SMTPRecipientsRefused:
        return MailedInvitation(mailed=False, refusal=ADDRESS_REFUSED)
    except (SMTPSenderRefused, SMTPDataError, SMTPNotSupportedError) as error:
        log.warning("the mail server refused an invitation of account %s: %s", account.pk, error)
        return MailedInvitation(mailed=False, refusal=MAIL_REFUSED)
    except OSError:  # smtplib's errors are OSErrors
        return MailedInvitation(mailed=False, link=link)
    written_only = mailbox.folder() is not None
    return MailedInvitation(mailed=not written_only, link=link if written_only else "")


def inviter_name(inviter: object) -> str:
    """How the mail calls a user, or an account whose key was shown."""
    name = mail.plain_name(inviter.name if isinstance(inviter, User) else str(inviter))
    return name or (inviter.email if isinstance(inviter, User) else "")


# -- accepting ----------------------------------------------------------------------------------------------------


def open_invitation(token: str, now: datetime) -> Invitation | None:
    """The invitation behind a link, unless it was used or taken back or is too old (DAYS, SETUP_HOURS)."""
    rows = Invitation.objects.open().filter(token_hash=key_hash(token))
    found: Invitation | None = rows.select_related("account", "membership__user").first()
    if found is None or found.created < now - link_age(found):
        return None
    return found


def link_age(invitation: Invitation) -> timedelta:
    """How long the link works."""
    return timedelta(hours=SETUP_HOURS) if invitation.account_id is None else timedelta(days=DAYS)


@transaction.atomic
def invitation_accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """The user joins the account, with all that was granted to the invited person meanwhile.

    Raises ValidationError when somebody used the link a moment earlier, and for a member of the account, who keeps
    what they have; the link then still works for the invited person. A guest invited as a guest gets the new grants.
    """
    _use(invitation, now)
    if invitation.account is None:
        raise ValidationError("This link sets up an installation; it joins no account.")
    mine = invitation.account.memberships.filter(user=user).first()
    if mine is not None and mine.accepted is not None:
        _check_may_merge(mine, invitation)
        membership = mine
    else:
        membership = _accepted_membership(invitation, user, mine, now)
    for kind, object_id, right in invitation.grants:
        _give(membership, kind, object_id, right)
    return membership


def _check_may_merge(mine: Membership, invitation: Invitation) -> None:
    """A guest may be given more as a guest. Raises ValidationError for whatever else would have to give way."""
    if mine.role == invitation.role == Role.GUEST and invitation.membership is None:
        return
    raise ValidationError(
        f"You are in {mine.account} already, as {mine.get_role_display().lower()}. Log in as {invitation.email} to use "
        "this invitation, or have your role changed."
    )


def _accepted_membership(invitation: Invitation, user: User, mine: Membership | None, now: datetime) -> Membership:
    """The membership that this acceptance makes or completes; `mine` is the user's own pending one."""
    assert invitation.account is not None
    linked = invitation.membership
    found = mine or (linked if linked is not None and linked.accepted is None else None)
    if found is None:
        return Membership.objects.create(user=user, account=invitation.account, role=invitation.role, accepted=now)
    invited = found.user
    if found.role == Role.GUEST != invitation.role:
        member_key_rotate(membership=found)  # the team was shown the guest's key; a member's is theirs alone
    found.user, found.role, found.accepted = user, invitation.role, now
    found.save(update_fields=["user", "role", "accepted"])
    found.invitations.open().update(revoked=now)
    if invited != user:
        user_placeholder_forget(user=invited)
    return found


def _give(membership: Membership, kind: str, object_id: int, right: str) -> None:
    """Add a grant; of two rights on one thing the larger stays."""
    grant, made = Grant.objects.get_or_create(
        membership=membership, kind=kind, object_id=object_id, defaults={"right": right}
    )
    if not made and right == Right.WRITE != grant.right:
        grant.right = right
        grant.save(update_fields=["right"])


def _use(invitation: Invitation, now: datetime) -> None:
    """Take the invitation for ourselves; of two at the same moment one gets it."""
    if not Invitation.objects.open().filter(pk=invitation.pk).update(used=now):
        raise ValidationError(ALREADY_USED)
