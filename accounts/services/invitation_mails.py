"""Mails with the links of invitations."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from smtplib import SMTPDataError, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPSenderRefused

from django.conf import settings
from django.urls import reverse

from accounts import mail
from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.models import Invitation
from accounts.services.invitations import invitation_link_show

ADDRESS_REJECTED = "The mail server does not accept mail for this address. Check its spelling."
MAIL_REJECTED = "The mail server rejected this mail. Ask the operator of this installation, whose log says why."
log = logging.getLogger(__name__)


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
    brand, link = mail.simplify_brand_name(choose_invitation_brand(invitation)), build_join_link(invitation)
    context = {
        "account_name": mail.simplify_name(str(account)), "inviter": mail.format_inviter(inviter),
        "days": settings.INVITATION_DAYS, "role": invitation.get_role_display(),
    }  # fmt: skip
    try:
        mail.send(to=invitation.email, template="accounts/invitation.txt", brand=brand, link=link, **context)
    except SMTPRecipientsRefused:
        return InvitationMailing(mailed=False, rejection=ADDRESS_REJECTED)
    except (SMTPSenderRefused, SMTPDataError, SMTPNotSupportedError) as error:
        log.warning("The mail server rejected an invitation of account %s: %s", account.pk, error)
        return InvitationMailing(mailed=False, rejection=MAIL_REJECTED)
    except OSError:  # smtplib's errors are OSErrors
        return _show_link(invitation, link)
    return InvitationMailing(mailed=True) if mail.get_mail_folder() is None else _show_link(invitation, link)


def _show_link(invitation: Invitation, link: str) -> InvitationMailing:
    invitation_link_show(invitation=invitation)
    return InvitationMailing(mailed=False, link=link)


def choose_invitation_brand(invitation: Invitation) -> Brand:
    """Choose the brand of an invitation: the product's own for a link that proves the address, since whoever controls
    the host of a link can read it."""
    assert invitation.account is not None, "an invitation to join has an account"
    return load_brand(invitation.account) if invitation.link_shown else DEFAULT_BRAND


def build_join_link(invitation: Invitation) -> str:
    """Build the address of an invitation that just got its link, on the host of the invitation's brand."""
    assert invitation.token, "only a new link has its token"
    return choose_invitation_brand(invitation).base_url + reverse("accounts:join", args=[invitation.token])


def is_proof_of_address(invitation: Invitation) -> bool:
    """Whether who opens the link owns the invited address: only the mail had it, and it leads to our own host.

    Where mail is written to files no address can be verified, so every link counts as proof.
    """
    return not invitation.link_shown or mail.get_mail_folder() is not None
