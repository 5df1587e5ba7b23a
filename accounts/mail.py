"""Mails of this room: a template's first line is the subject, the rest the text; the brand sends it."""

from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.brand import Brand


def one_line(text: str) -> str:
    """Text for a header of a mail: names may contain line breaks, headers may not."""
    return " ".join(text.split())


def send(*, to: str, template: str, brand: Brand, **context: Any) -> None:
    """Render `mail/<template>.txt` and send it. OSError or SMTPException when no server can be had."""
    text = render_to_string(f"mail/{template}.txt", {"brand": brand, **context})
    subject, _, body = text.strip().partition("\n")
    EmailMessage(subject=subject.strip(), body=body.strip() + "\n", from_email=brand.sender, to=[to]).send()
