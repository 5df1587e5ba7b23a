"""Live views: server-sent events of stored events, for as long as the viewer may see them.

A viewer may log out, lose a right or change the password while a stream is open. So before an event is sent, the
viewer's access has been checked within the last CHECK_SECONDS, and a stream without access ends. One check covers all
open streams of the process.

The number of open streams is limited per user and account (`accounts.account_limits`) and per process. Every process
counts its own streams, so with several processes the limits of users and accounts apply to each.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.account_limits import get_account_limit
from accounts.clients.rules import load_agency_pairs
from accounts.models import Account, Membership, User
from accounts.permissions import Bearer, leave_out_locked, list_sso_accounts, membership_may
from accounts.security.sessions import hash_session_key
from accounts.threads import release_connections
from tracking import live
from tracking.event import Event

CHECK_SECONDS = 4.0  # how long a check of access is valid; also the longest silence before a comment is sent
MAX_STREAMS = 500  # per process
START_SECONDS = 10.0  # in which a response begins to be sent; one whose browser is gone before may never be closed
RETRY_MILLISECONDS = 3_000  # until a browser connects again
RETRY_SECONDS = 30  # Retry-After when there are too many streams
VIEWED_ACCOUNT = "viewed_account_id"  # attribute of a request for a live view, also of one that is refused
Scope = TypeVar("Scope")
log = logging.getLogger(__name__)


class TooManyStreams(Exception):
    """The limit of open streams is reached; the text says which limit."""


# The memberships by which somebody reaches an account: the one in it, for a client's account after that in its agency
Path: TypeAlias = tuple[Membership, ...]


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who opened a stream, in which account and session (its key as stored in the database).

    `login_hash` changes when the user changes the password. `sso_accounts`: those at whose provider the session was
    begun, which counts as a second factor there.
    """

    user_id: int
    account: Account
    session_key: str
    login_hash: str
    sso_accounts: frozenset[int]


def create_viewer(request: HttpRequest, user: User, account: Account) -> Viewer:
    """Return the viewer for a request of a signed-in user, which then says whose live view it is (VIEWED_ACCOUNT)."""
    setattr(request, VIEWED_ACCOUNT, account.pk)
    return Viewer(
        user_id=user.pk,
        account=account,
        session_key=hash_session_key(request.session.session_key or ""),
        login_hash=user.get_session_auth_hash(),
        sso_accounts=list_sso_accounts(user),
    )


class LiveStream(Generic[Scope]):
    """One open stream: the streaming content of a response.

    `read_scope(bearer)` reads what the viewer may see now; it raises Http404 if that is nothing. `format_event(scope,
    event)` returns the bytes of an event, b"" for one outside of that scope. `read_scope` reads the same for all
    streams of a viewer with the same `view` and `feed_id`.
    """

    def __init__(
        self,
        viewer: Viewer,
        feed_id: int,
        scope: Scope,
        *,
        view: str,
        read_scope: Callable[[Bearer], Scope],
        format_event: Callable[[Scope, Event], bytes],
    ) -> None:
        self.viewer, self.feed_id, self.view = viewer, feed_id, view
        self.read_scope, self.format_event = read_scope, format_event
        self.scope: Scope | None = scope
        self.checked_at = self.created_at = time.monotonic()
        self.started = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.started = True
        try:
            await sync_to_async(release_connections)()
            yield b"retry: %d\n\n: here\n\n" % RETRY_MILLISECONDS
            async with aclosing(live.subscribe(self.feed_id, heartbeat=CHECK_SECONDS)) as events:
                async for event in events:
                    scope = await self._current_scope()
                    if scope is None:
                        return
                    if message := b": still here\n\n" if event is None else self.format_event(scope, event):
                        yield message
        finally:
            self.close()

    def close(self) -> None:
        """Stop counting this stream. Django calls this at the end of the response."""
        open_streams.remove(self)

    def never_started(self, now: float) -> bool:
        """Return whether the browser left before the response began, so that nobody will ever read this stream."""
        return not self.started and now - self.created_at > START_SECONDS

    async def _current_scope(self) -> Scope | None:
        """Return what the viewer may see, checked at most CHECK_SECONDS ago; None ends the stream."""
        if time.monotonic() - self.checked_at >= CHECK_SECONDS:
            try:
                await sync_to_async(open_streams.check)()
            except DatabaseError as error:
                log.warning("a live stream ends, because its viewer's access cannot be checked: %s", error)
                return None
        return self.scope


AnyStream: TypeAlias = LiveStream[Any]  # whatever its scope


class OpenStreams:
    """The open streams of this process. The references are weak: a stream that is dropped unclosed does not count."""

    def __init__(self) -> None:
        self._streams: WeakSet[AnyStream] = WeakSet()
        self._lock = threading.Lock()
        self._checking = threading.Lock()

    def __len__(self) -> int:
        return len(self._streams)

    def add(self, stream: AnyStream) -> None:
        """Add a stream. Raises TooManyStreams."""
        with self._lock:
            self._check_limits(stream.viewer)
            self._streams.add(stream)

    def check_limits(self, viewer: Viewer) -> None:
        """Raise TooManyStreams if the viewer may open no further stream."""
        with self._lock:
            self._check_limits(viewer)

    def _check_limits(self, viewer: Viewer) -> None:
        """Raise TooManyStreams if the viewer may open no further stream. The caller holds the lock."""
        max_of_user = get_account_limit(viewer.account, "streams_per_user")
        max_of_account = get_account_limit(viewer.account, "streams")
        now = time.monotonic()
        for other in [other for other in self._streams if other.never_started(now)]:
            self._streams.discard(other)
        viewers = [other.viewer for other in self._streams]
        if sum(other.user_id == viewer.user_id for other in viewers) >= max_of_user:
            raise TooManyStreams(
                f"You have {max_of_user} live views open, which is the limit for one person. Close one."
            )
        if sum(other.account.pk == viewer.account.pk for other in viewers) >= max_of_account:
            raise TooManyStreams(f"{max_of_account} live views of this account are open, which is its limit.")
        if len(viewers) >= MAX_STREAMS:
            raise TooManyStreams("This server has as many live views open as it can handle.")

    def remove(self, stream: AnyStream) -> None:
        """Remove a stream; may be called twice."""
        with self._lock:
            self._streams.discard(stream)

    def check(self) -> None:
        """Check the access of all streams whose last check is old enough. Raises DatabaseError."""
        with self._checking:
            now = time.monotonic()
            with self._lock:
                due = [stream for stream in self._streams if now - stream.checked_at >= CHECK_SECONDS / 2]
            try:
                refresh_scopes(due, now)
            finally:
                release_connections()


open_streams = OpenStreams()


def refresh_scopes(streams: list[AnyStream], now: float) -> None:
    """Set every stream's scope to what its viewer may see: three queries for all (two, if all of them manage their
    account as members), and those of `read_scope`, once for each viewer, view and feed."""
    if not streams:
        return
    session_keys, paths = find_valid_session_keys(streams), load_paths_by_viewer(streams)
    rows = [row for paths_of_viewer in paths.values() for path in paths_of_viewer for row in path]
    unlocked = {id(row) for row in leave_out_locked(rows)}
    scopes: dict[tuple[Viewer, str, int], object] = {}
    for stream in streams:
        viewer, key = stream.viewer, (stream.viewer, stream.view, stream.feed_id)
        if key not in scopes:
            paths_of_viewer = paths.get((viewer.user_id, viewer.account.pk), [])
            is_logged_in = viewer.session_key in session_keys
            member = find_usable_member(viewer, paths_of_viewer, unlocked) if is_logged_in else None
            scopes[key] = read_scope_of_member(stream, member) if member is not None else None
        stream.scope, stream.checked_at = scopes[key], now


def find_usable_member(viewer: Viewer, paths: Sequence[Path], unlocked: Collection[int]) -> Membership | None:
    """Find what the viewer is in the stream's account, by the first path on which no membership is locked."""
    for path in paths:
        if all(id(row) in unlocked or row.account_id in viewer.sso_accounts for row in path):
            return path[-1]
    return None


def read_scope_of_member(stream: LiveStream[Scope], member: Membership) -> Scope | None:
    """Return what the member may see in the stream; None if nothing, or if the password has changed."""
    if not constant_time_compare(member.user.get_session_auth_hash(), stream.viewer.login_hash):
        return None
    try:
        return stream.read_scope(Bearer(membership=member))
    except Http404:
        return None


def find_valid_session_keys(streams: list[AnyStream]) -> set[str]:
    """Return the session keys (as stored) of viewers whose session has neither ended nor expired."""
    keys = {stream.viewer.session_key for stream in streams}
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return set(rows.values_list("session_key", flat=True))


def load_paths_by_viewer(streams: list[AnyStream]) -> dict[tuple[int, int], list[Path]]:
    """Return how active viewers reach the streams' accounts, by (user id, account id): the path that permits most
    comes first. Agencies are not asked for if all viewers manage their account as members of it."""
    users = {stream.viewer.user_id for stream in streams}
    accounts = {stream.viewer.account.pk for stream in streams}
    rows = Membership.objects.accepted().filter(
        user__in=users, account__in=accounts, account__suspended=None, user__is_active=True
    )
    paths: dict[tuple[int, int], list[Path]] = {
        (row.user_id, row.account_id): [(row,)] for row in rows.select_related("user", "account")
    }
    pairs = {(stream.viewer.user_id, stream.viewer.account.pk) for stream in streams}
    pairs = {pair for pair in pairs if pair not in paths or not membership_may(paths[pair][0][0], "manage")}
    for agency_row, row in load_agency_pairs(pairs) if pairs else []:
        paths.setdefault((row.user_id, row.account_id), []).insert(0, (agency_row, row))
    return paths


def refuse_stream(viewer: Viewer) -> HttpResponse | None:
    """Build the refusal if the viewer may open no further stream, before anything is queried for one."""
    try:
        open_streams.check_limits(viewer)
    except TooManyStreams as error:
        return build_refusal(error)
    return None


def build_refusal(error: TooManyStreams) -> HttpResponse:
    """Build a response with 429 that says which limit is reached."""
    response = HttpResponse(f"{error}\n", content_type="text/plain; charset=utf-8", status=429)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def build_live_response(stream: AnyStream) -> HttpResponse | StreamingHttpResponse:
    """Build the response with the stream, or 429 if there are too many."""
    try:
        open_streams.add(stream)
    except TooManyStreams as error:
        return build_refusal(error)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=headers)
