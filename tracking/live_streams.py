"""Live views: server-sent events of what is stored, for as long as the viewer may see it.

Whoever opened a stream may be logged out, lose a right or change the password while it is open. So the answer to "may
they still see this" is never older than CHECK_SECONDS when an event is delivered, and a stream that nobody may see
any more ends. One check asks for all open streams of the process, however many of them want to know.

How many streams may be open is limited per user and account (`accounts.limits`) and per process. They are counted in
the process that serves them: with several processes each allows as many.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.access import Bearer
from accounts.limits import account_limit
from accounts.models import Account, Membership, User
from accounts.security.connections import release_connections
from accounts.security.sessions import hash_session_key
from tracking import feed
from tracking.hit import Event

CHECK_SECONDS = 4.0  # the longest that a check is good for; also of silence before a comment says that we are here
MAX_STREAMS = 500  # of this process
RETRY_MILLISECONDS = 3_000  # before a browser connects again
RETRY_SECONDS = 30  # before it asks again for a stream that was one too many
Scope = TypeVar("Scope")
log = logging.getLogger(__name__)


class TooManyStreams(Exception):
    """One more stream than may be open; the text says whose."""


@dataclass(frozen=True)
class Viewer:
    """Who opened a stream, in which account, and by which log-in: the session's key as the database has it.

    Another password makes another `login_hash`."""

    user_id: int
    account: Account
    session_key: str
    login_hash: str


def viewer_of(request: HttpRequest, user: User, account: Account) -> Viewer:
    """The viewer of a request by a user who is logged in."""
    stored_key = hash_session_key(request.session.session_key or "")
    return Viewer(user.pk, account, stored_key, user.get_session_auth_hash())


class LiveStream(Generic[Scope]):
    """The bytes of one open stream, as streaming content of a response.

    `allow(bearer)` reads what the viewer may see now; it raises Http404 for nothing. `write(scope, event)` makes the
    bytes of one event, b"" for an event outside of that scope.
    """

    def __init__(
        self,
        viewer: Viewer,
        feed_id: int,
        scope: Scope,
        *,
        allow: Callable[[Bearer], Scope],
        write: Callable[[Scope, Event], bytes],
    ) -> None:
        self.viewer, self.feed_id, self.allow, self.write = viewer, feed_id, allow, write
        self.scope: Scope | None = scope
        self.checked_at = time.monotonic()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            await sync_to_async(release_connections)()
            yield b"retry: %d\n\n: here\n\n" % RETRY_MILLISECONDS
            async with aclosing(feed.subscribe(self.feed_id, heartbeat=CHECK_SECONDS)) as events:
                async for event in events:
                    scope = await self._current_scope()
                    if scope is None:
                        return
                    if written := b": still here\n\n" if event is None else self.write(scope, event):
                        yield written
        finally:
            self.close()

    def close(self) -> None:
        """Count this stream no more. Django calls it at the end of the response."""
        open_streams.remove(self)

    async def _current_scope(self) -> Scope | None:
        """What the viewer may see, asked at most CHECK_SECONDS ago; None ends the stream."""
        if time.monotonic() - self.checked_at >= CHECK_SECONDS:
            try:
                await sync_to_async(open_streams.check)()
            except DatabaseError as error:
                log.warning("a live stream ends, its viewer's rights cannot be read: %s", error)
                return None
        return self.scope


class OpenStreams:
    """The streams of this process. One that is dropped without being closed is not kept."""

    def __init__(self) -> None:
        self._streams: WeakSet[LiveStream[Any]] = WeakSet()
        self._lock = threading.Lock()
        self._checking = threading.Lock()

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: LiveStream[Any]) -> None:
        """Count one more. Raises TooManyStreams."""
        viewer = stream.viewer
        of_user = account_limit(viewer.account, "streams_per_user")
        of_account = account_limit(viewer.account, "streams")
        with self._lock:
            viewers = [one.viewer for one in self._streams]
            if sum(one.user_id == viewer.user_id for one in viewers) >= of_user:
                raise TooManyStreams(f"You have {of_user} live views open, the most one person may have. Close one.")
            if sum(one.account.pk == viewer.account.pk for one in viewers) >= of_account:
                raise TooManyStreams(f"{of_account} live views of this account are open, the most it may have.")
            if len(viewers) >= MAX_STREAMS:
                raise TooManyStreams("As many live views are open as this server can carry.")
            self._streams.add(stream)

    def remove(self, stream: LiveStream[Any]) -> None:
        """Count it no more; may be called twice."""
        with self._lock:
            self._streams.discard(stream)

    def check(self) -> None:
        """Ask what the viewers of all streams may see now, unless another thread just did. Raises DatabaseError."""
        with self._checking:
            now = time.monotonic()
            with self._lock:
                due = [stream for stream in self._streams if now - stream.checked_at >= CHECK_SECONDS / 2]
            try:
                renew(due, now)
            finally:
                release_connections()


open_streams = OpenStreams()


def renew(streams: list[LiveStream[Any]], now: float) -> None:
    """Set each stream's scope to what its viewer may see: two queries for all, and what each `allow` asks."""
    if not streams:
        return
    logins, members = open_logins(streams), memberships(streams)
    for stream in streams:
        member = members.get((stream.viewer.user_id, stream.viewer.account.pk))
        stream.scope = scope_for(stream, member) if member and stream.viewer.session_key in logins else None
        stream.checked_at = now


def scope_for(stream: LiveStream[Scope], member: Membership) -> Scope | None:
    """What the member may see of the stream's events; None for nothing, and after a change of the password."""
    if not constant_time_compare(member.user.get_session_auth_hash(), stream.viewer.login_hash):
        return None
    try:
        return stream.allow(Bearer(member))
    except Http404:
        return None


def open_logins(streams: list[LiveStream[Any]]) -> set[str]:
    """The session keys that neither ended by a log-out nor by their age."""
    keys = {stream.viewer.session_key for stream in streams}
    found = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return set(found.values_list("session_key", flat=True))


def memberships(streams: list[LiveStream[Any]]) -> dict[tuple[int, int], Membership]:
    """What active users are in the streams' accounts, by user and account."""
    users = {stream.viewer.user_id for stream in streams}
    accounts = {stream.viewer.account.pk for stream in streams}
    found = Membership.objects.accepted().filter(user__in=users, account__in=accounts, user__is_active=True)
    return {(row.user_id, row.account_id): row for row in found.select_related("user", "account")}


def live_response(stream: LiveStream[Any]) -> HttpResponse | StreamingHttpResponse:
    """The stream as a response, or 429 with a sentence where it is one too many."""
    try:
        open_streams.add(stream)
    except TooManyStreams as error:
        refusal = HttpResponse(f"{error}\n", content_type="text/plain; charset=utf-8", status=429)
        refusal["Retry-After"] = str(RETRY_SECONDS)
        return refusal
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)
