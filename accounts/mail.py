"""Mails to users. The first line of a template is the subject, the rest the text; the sender is the brand's."""

import dataclasses
import re
from email.utils import make_msgid, parseaddr
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.branding import DEFAULT_BRAND, Brand, load_brand
from accounts.models import Membership, User

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
UNSAFE_CHARACTERS = re.compile(r"[^\w\s&'’+-]")
MAX_NAME_LENGTH = 60  # characters


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
    """Render the template, whose first line is the subject, and send it. Raises OSError or SMTPException."""
    text = render_to_string(template, {"brand": brand, **context})
    subject, _, body = text.strip().partition("\n")
    headers, body = build_headers(brand.sender), body.strip() + "\n"
    EmailMessage(subject=subject.strip(), body=body, from_email=brand.sender, to=[to], headers=headers).send()


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
