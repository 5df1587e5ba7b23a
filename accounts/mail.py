"""Mails to users. The first line of a template is the subject, the rest the text; the sender is the brand's."""

import dataclasses
import re
from email.utils import make_msgid, parseaddr
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone as clock

from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.models import Invitation, Membership, User

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
UNSAFE_CHARACTERS = re.compile(r"[^\w\s&'’+-]")
MAX_NAME_LENGTH = 60  # characters
AUTOMATIC_MAIL_HEADERS = {
    "Auto-Submitted": "auto-generated",
    "X-Auto-Response-Suppress": "All",
}  # RFC 3834, and Exchange's own


def join_to_line(text: str) -> str:
    """Join lines for a mail header: names may contain line breaks, headers may not."""
    return " ".join(text.split())


def simplify_name(text: str) -> str:
    """Shorten a name and remove all that a mail program could turn into a link: for mails to strangers."""
    return " ".join(UNSAFE_CHARACTERS.sub(" ", text).replace("_", " ").split())[:MAX_NAME_LENGTH].strip()


def format_inviter(inviter: object) -> str:
    """Format an inviter's name for a mail: a user's, or the account's if its key was used."""
    name = simplify_name(inviter.name if isinstance(inviter, User) else str(inviter))
    return name or (inviter.email if isinstance(inviter, User) else "")


def simplify_brand_name(brand: Brand) -> Brand:
    """Return the brand with a simplified name."""
    return dataclasses.replace(brand, name=simplify_name(brand.name) or "Web analytics")


def get_mail_folder() -> Path | None:
    """Return the directory that mail is written to; None if it is sent by a server."""
    if settings.EMAIL_BACKEND != FILE_BACKEND:
        return None
    return Path(str(getattr(settings, "EMAIL_FILE_PATH", settings.DATA_DIR / "mail")))


def send(*, to: str, template: str, brand: Brand, **context: object) -> None:
    """Render the template, whose first line is the subject, and send it. Raises OSError or SMTPException.

    Such mails have links and codes that only their recipient may know. What a mail server returns quotes them, so it
    never goes to the host of a white label, whose account receives mail there; programs that answer mails are told not
    to.
    """
    text = render_to_string(template, {"brand": brand, **context})
    subject, _, body = text.strip().partition("\n")
    EmailMessage(
        subject=subject.strip(),
        body=body.strip() + "\n",
        from_email=settings.BOUNCE_ADDRESS if brand.white_label else settings.DEFAULT_FROM_EMAIL,
        to=[to],
        headers={"From": brand.sender, **build_headers(brand.sender), **AUTOMATIC_MAIL_HEADERS},
    ).send()


def build_headers(sender: str, stop: str = "") -> dict[str, str]:
    """Build the headers of a mail; `stop` is the address that ends such mails.

    Django's own Message-ID names this machine, on a white label's mails the domain is its sender's.
    """
    headers = {"Message-ID": make_msgid(domain=parseaddr(sender)[1].rpartition("@")[2] or None)}
    if stop:
        headers |= {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return headers


def choose_link_brand(brand: Brand, user: User) -> Brand:
    """Choose the brand whose host a secret link may name: `brand` if the user belongs to its account alone, else ours.

    Whoever controls the host can read the link, and with it open everything that the user can open. So operators and
    members of several accounts get a link to the installation's own host.
    """
    if not brand.white_label or user.is_operator:
        return DEFAULT_BRAND
    memberships = Membership.objects.accepted().filter(user=user).select_related("account")[:2]
    brands = [load_brand(membership.account) for membership in memberships]
    return brand if brands == [brand] else DEFAULT_BRAND


def choose_code_brand(brand: Brand, user: User) -> Brand:
    """Choose the brand of a mail with a code and without a link: also that of an account that invites the user, who has
    not joined any yet. They enter the code on that account's host, where our name must not appear.
    """
    if not brand.white_label or user.is_operator or Membership.objects.accepted().filter(user=user).exists():
        return choose_link_brand(brand, user)
    invitations = Invitation.objects.open().filter(email=user.email, expires__gt=clock.now())
    accounts = [invitation.account for invitation in invitations.select_related("account")]
    is_inviting = any(account is not None and load_brand(account) == brand for account in accounts)
    return simplify_brand_name(brand) if is_inviting else DEFAULT_BRAND
