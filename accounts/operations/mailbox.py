"""Mails that are written to files instead of being sent, because the installation has no EMAIL_URL."""

from __future__ import annotations

import base64
import email
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

from accounts.mail import get_mail_folder

FILE_NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,80}\.log\Z")
MAIL_SEPARATOR = b"\n" + b"-" * 79 + b"\n"  # written by Django's file backend after every mail
CONTENT_ID_PATTERN = re.compile(r'"cid:([^"]{1,200})"')
MAX_MAILS = 200
MAIL_RETENTION = timedelta(days=30)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredMail:
    """A mail in a file: `name` is the file's, `place` counts the mails in it from 0, `at` is when it was written."""

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
        """The headers that a mail program acts on, as (name, value)."""
        wanted = ("Date", "From", "To", "Reply-To", "Subject", "List-Unsubscribe", "List-Unsubscribe-Post")
        return [(name, str(self.mail[name])) for name in wanted if self.mail[name]]

    @property
    def text(self) -> str:
        return self.body("plain")

    @property
    def html(self) -> str:
        """The HTML body with its inline images as data URLs; "" for a mail that is text only."""
        pictures = {
            str(part["Content-ID"]).strip("<>"): f"data:{part.get_content_type()};base64,{encode_payload(part)}"
            for part in self.mail.walk()
            if part["Content-ID"] and part.get_content_maintype() == "image"
        }
        return CONTENT_ID_PATTERN.sub(lambda match: f'"{pictures.get(match[1], "")}"', self.body("html"))

    @property
    def attachments(self) -> list[str]:
        """The names of the attached files."""
        parts = (part for part in self.mail.walk() if part.get_content_disposition() == "attachment")
        return [part.get_filename() or part.get_content_type() for part in parts]

    def body(self, kind: str) -> str:
        part = self.mail.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


def encode_payload(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return base64.b64encode(payload if isinstance(payload, bytes) else b"").decode()


def list_files() -> list[Path]:
    """List the files that contain mail; none if it is sent by a server."""
    folder = get_mail_folder()
    return [path for path in folder.glob("*.log") if FILE_NAME_PATTERN.match(path.name)] if folder else []


def list_mails() -> list[StoredMail]:
    """List the latest mails, at most MAX_MAILS, newest first."""
    files = sorted(list_files(), key=lambda path: path.stat().st_mtime, reverse=True)
    mails: list[StoredMail] = []
    for path in files:
        if len(mails) >= MAX_MAILS:
            break
        mails += reversed(list(read_mails(path)))
    return mails[:MAX_MAILS]


def find_mail(name: str, place: int) -> StoredMail | None:
    """Find the mail at a place of a file; None if there is none."""
    folder = get_mail_folder()
    if folder is None or not FILE_NAME_PATTERN.match(name) or not (folder / name).is_file():
        return None
    return next((sent for sent in read_mails(folder / name) if sent.place == place), None)


def read_mails(path: Path) -> Iterator[StoredMail]:
    """Yield the mails of a file in order. The last one may be incomplete, if its process was killed."""
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    for place, text in enumerate(path.read_bytes().split(MAIL_SEPARATOR)):
        if text.strip():
            yield StoredMail(
                path.name, place, at, email.message_from_bytes(text, _class=EmailMessage, policy=policy.default)
            )


def mails_clear(now: datetime) -> int:
    """Delete mail files that are older than MAIL_RETENTION; returns how many."""
    oldest, deleted = (now - MAIL_RETENTION).timestamp(), 0
    for path in list_files():
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                deleted += 1
        except OSError as error:  # such as one that another process has deleted
            log.warning("%s could not be deleted: %s", path, error.strerror)
    return deleted
