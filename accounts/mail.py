"""Mails of this room: a template's first line is the subject, the rest the text; the brand sends it."""

import dataclasses
import re
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.brand import OURS, Brand, brand_of
from accounts.models import Membership, User

NOT_PLAIN = re.compile(r"[^\w\s&'’+-]")
MAX_PLAIN_NAME = 60  # characters


def one_line(text: str) -> str:
    """Join lines for a mail header: names may contain line breaks, headers may not."""
    return " ".join(text.split())


def plain_name(text: str) -> str:
    """A name without anything that a mail program could make a link of, and not long: for mails to strangers."""
    return " ".join(NOT_PLAIN.sub(" ", text).replace("_", " ").split())[:MAX_PLAIN_NAME].strip()


def plain_brand(brand: Brand) -> Brand:
    """The brand with a plain name."""
    return dataclasses.replace(brand, name=plain_name(brand.name) or "Web analytics")


def send(*, to: str, template: str, brand: Brand, **context: Any) -> None:
    """Render `mail/<template>.txt` and send it. OSError or SMTPException when no server can be had."""
    text = render_to_string(f"mail/{template}.txt", {"brand": brand, **context})
    subject, _, body = text.strip().partition("\n")
    EmailMessage(subject=subject.strip(), body=body.strip() + "\n", from_email=brand.sender, to=[to]).send()


def brand_for_secret_link(brand: Brand, user: User) -> Brand:
    """The brand whose host a secret link may name: `brand` if the user belongs to its account alone, else ours.

    Whoever controls the host can read the link, and with it open everything that the user can open. So operators and
    members of several accounts get a link to the installation's own host.
    """
    if not brand.white_label or user.is_operator:
        return OURS
    two = Membership.objects.accepted().filter(user=user).select_related("account")[:2]
    brands = [brand_of(membership.account) for membership in two]
    return brand if brands == [brand] else OURS
