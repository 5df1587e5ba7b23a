"""Database sessions stored under a hash of their key, so that the table does not help to log in as somebody.

SESSION_ENGINE names this module. It uses the table of Django's database sessions, and works like them otherwise.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

MAX_KEY_LENGTH = 40  # of the column `session_key`


def hash_session_key(session_key: str) -> str:
    """Hash the session key of a cookie: SHA-256, cut to the 240 bits that fit the column.

    Session keys are long and random, so no salt is needed.
    """
    digest = hashlib.sha256(session_key.encode(errors="replace")).digest()
    return base64.urlsafe_b64encode(digest).decode()[:MAX_KEY_LENGTH]


class SessionStore(DatabaseStore):
    """Database sessions whose rows have the hash of the cookie's key. `session_key` is the cookie's plain key."""

    def load(self) -> dict[str, object]:
        """Read the session; an unknown or expired one is empty and loses its key, as in Django's own."""
        row = self.model.objects.filter(**self._current_row_filter()).first()
        return self._decode_row(row)

    async def aload(self) -> dict[str, object]:
        """See `load`."""
        row = await self.model.objects.filter(**self._current_row_filter()).afirst()
        return self._decode_row(row)

    def _current_row_filter(self) -> dict[str, object]:
        return {"session_key": hash_session_key(self.session_key or ""), "expire_date__gt": timezone.now()}

    def _decode_row(self, row: AbstractBaseSession | None) -> dict[str, object]:
        if row is None:
            self._session_key = None
            return {}
        data: dict[str, object] = self.decode(row.session_data)
        return data

    def exists(self, session_key: str) -> bool:
        """Whether there is a session with this key."""
        return bool(super().exists(hash_session_key(session_key)))

    async def aexists(self, session_key: str) -> bool:
        """See `exists`."""
        return bool(await super().aexists(hash_session_key(session_key)))

    def create_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        """Create the row, unsaved, under the hash of the key."""
        return self._protect_row(super().create_model_instance(data))

    async def acreate_model_instance(self, data: dict[str, object]) -> AbstractBaseSession:
        """See `create_model_instance`."""
        return self._protect_row(await super().acreate_model_instance(data))

    def _protect_row(self, row: AbstractBaseSession) -> AbstractBaseSession:
        """Put the hash in place of the key; the session ends when it is not used for SESSION_IDLE_DAYS."""
        row.session_key = hash_session_key(row.session_key)
        row.expire_date = min(row.expire_date, timezone.now() + timedelta(days=settings.SESSION_IDLE_DAYS))
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session with this key, or this session."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(hash_session_key(key))

    async def adelete(self, session_key: str | None = None) -> None:
        """See `delete`."""
        key = session_key or self.session_key
        if key is not None:
            await super().adelete(hash_session_key(key))


def sessions_clear() -> None:
    """Delete the sessions that have expired, as Django's `clearsessions` does."""
    SessionStore.clear_expired()
