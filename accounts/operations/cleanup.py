"""What has no use any more is deleted: expired sessions, and mail that was written into files."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings

from accounts.operations import mailbox

log = logging.getLogger(__name__)
MAIL_KEPT = timedelta(days=30)


def sessions_clear() -> None:
    """Delete the sessions that have expired, as Django's `clearsessions` does."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def mails_clear(now: datetime) -> int:
    """Delete the files of mail that were written more than MAIL_KEPT ago; returns how many."""
    oldest, deleted = (now - MAIL_KEPT).timestamp(), 0
    for path in mailbox.mail_files():
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                deleted += 1
        except OSError as error:  # such as one that somebody else has deleted meanwhile
            log.warning("%s could not be deleted: %s", path, error.strerror)
    return deleted
