"""Sent mail, where it is written into files instead of being sent: an installation without EMAIL_URL."""

from __future__ import annotations

import base64
import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings

FILE_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}\.log\Z")
BETWEEN = b"\n" + b"-" * 79 + b"\n"  # the file backend's line after every mail
CID = re.compile(r'"cid:([^"]{1,200})"')
MOST = 200


@dataclass(frozen=True)
class Sent:
    """A mail as it was written: its file, its place in there, and itself."""

    name: str
    place: int
    at: datetime
    mail: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.mail["Subject"] or "(no subject)")

    @property
    def to(self) -> str:
        return str(self.mail["To"] or "")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What a mail program acts on."""
        wanted = ("Date", "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post")
        return [(name, str(self.mail[name])) for name in wanted if self.mail[name]]

    @property
    def text(self) -> str:
        return self.body("plain")

    @property
    def html(self) -> str:
        """The letter with its pictures inside it, as a mail program shows them; empty where it is text only."""
        pictures = {
            str(part["Content-ID"]).strip("<>"): f"data:{part.get_content_type()};base64,{encoded(part)}"
            for part in self.mail.walk()
            if part["Content-ID"] and part.get_content_maintype() == "image"
        }
        return CID.sub(lambda found: f'"{pictures.get(found[1], "")}"', self.body("html"))

    @property
    def attachments(self) -> list[str]:
        """Names of the files a reader sees."""
        parts = (part for part in self.mail.walk() if part.get_content_disposition() == "attachment")
        return [part.get_filename() or part.get_content_type() for part in parts]

    def body(self, kind: str) -> str:
        part = self.mail.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


def encoded(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return base64.b64encode(payload if isinstance(payload, bytes) else b"").decode()


def folder() -> Path | None:
    """Where mail is written; None when it is really sent."""
    if settings.EMAIL_BACKEND != FILE_BACKEND:
        return None
    return Path(str(getattr(settings, "EMAIL_FILE_PATH", settings.DATA_DIR / "mail")))


def mail_files() -> list[Path]:
    """The files that mail was written into; none when it is really sent."""
    where = folder()
    return [path for path in where.glob("*.log") if NAME.match(path.name)] if where else []


def mails() -> list[Sent]:
    """The latest mails, newest first."""
    files = sorted(mail_files(), key=lambda path: path.stat().st_mtime, reverse=True)
    found: list[Sent] = []
    for path in files:
        if len(found) >= MOST:
            break
        found += reversed(list(read(path)))
    return found[:MOST]


def mail(name: str, place: int) -> Sent | None:
    """One mail; None for a file or a place that is not there."""
    where = folder()
    if where is None or not NAME.match(name) or not (where / name).is_file():
        return None
    return next((sent for sent in read(where / name) if sent.place == place), None)


def read(path: Path) -> Iterator[Sent]:
    """The mails of a file, in order. What a killed process left half written is shown as far as it goes."""
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    for place, text in enumerate(path.read_bytes().split(BETWEEN)):
        if text.strip():
            yield Sent(path.name, place, at, email.message_from_bytes(text, _class=EmailMessage, policy=policy.default))
