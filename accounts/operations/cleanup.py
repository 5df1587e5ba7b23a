"""Deletion of expired sessions and of old mail in files."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings

from accounts.operations import mailbox

log = logging.getLogger(__name__)
MAIL_RETENTION = timedelta(days=30)


def sessions_clear() -> None:
    """Delete the sessions that have expired, as Django's `clearsessions` does."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


def mails_clear(now: datetime) -> int:
    """Delete mail files that are older than MAIL_RETENTION; returns how many."""
    oldest, deleted = (now - MAIL_RETENTION).timestamp(), 0
    for path in mailbox.list_files():
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
                deleted += 1
        except OSError as error:  # such as one that another process has deleted
            log.warning("%s could not be deleted: %s", path, error.strerror)
    return deleted
