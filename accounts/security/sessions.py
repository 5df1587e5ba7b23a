"""Sessions in the database under a hash of their key: whoever reads the table cannot log in as anybody.

SESSION_ENGINE names this module. All else is as in Django's own database sessions, whose table it uses.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.utils import timezone

LENGTH = 40  # of the column `session_key`


def hashed_key(session_key: str) -> str:
    """What the database has for the key of a cookie: SHA-256, cut to the 240 bits that fit the column.

    Keys are long and random, so no salt is needed."""
    digest = hashlib.sha256(session_key.encode(errors="replace")).digest()
    return base64.urlsafe_b64encode(digest).decode()[:LENGTH]


class SessionStore(DatabaseStore):
    """Database sessions whose rows carry `hashed_key` of the cookie's key. `session_key` stays the cookie's own."""

    def load(self) -> dict[str, Any]:
        """Read the session; one that is unknown or expired is empty and loses its key, as in Django's own."""
        row = self.model.objects.filter(**self._lasting()).first()
        return self._decoded(row)

    async def aload(self) -> dict[str, Any]:
        """See `load`."""
        row = await self.model.objects.filter(**self._lasting()).afirst()
        return self._decoded(row)

    def _lasting(self) -> dict[str, Any]:
        return {"session_key": hashed_key(self.session_key or ""), "expire_date__gt": timezone.now()}

    def _decoded(self, row: AbstractBaseSession | None) -> dict[str, Any]:
        if row is None:
            self._session_key = None
            return {}
        found: dict[str, Any] = self.decode(row.session_data)
        return found

    def exists(self, session_key: str) -> bool:
        """Tell whether a key is taken."""
        return bool(super().exists(hashed_key(session_key)))

    async def aexists(self, session_key: str) -> bool:
        """See `exists`."""
        return bool(await super().aexists(hashed_key(session_key)))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Make the row, unsaved, under the hash of the key."""
        row = super().create_model_instance(data)
        row.session_key = hashed_key(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """See `create_model_instance`."""
        row = await super().acreate_model_instance(data)
        row.session_key = hashed_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        """Delete the session of a key, of this session's without one."""
        key = session_key or self.session_key
        if key is not None:
            super().delete(hashed_key(key))

    async def adelete(self, session_key: str | None = None) -> None:
        """See `delete`."""
        key = session_key or self.session_key
        if key is not None:
            await super().adelete(hashed_key(key))
