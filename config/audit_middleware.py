"""Middleware that tells the audit log who sends a request, and from where."""

from __future__ import annotations

from functools import partial

from django.http import HttpRequest, HttpResponse

from accounts.audit.context import AuditActor, AuditContext, act_as
from accounts.audit.log_ins import describe_user
from accounts.audit.models import ActorType, Via
from accounts.models import User
from accounts.permissions import Bearer
from accounts.security.client_ip import get_client_address
from config.middleware import SyncMiddleware, is_api_request


class AuditMiddleware(SyncMiddleware):
    """Sets the context in which the actions of a request are recorded. The actor is found when one is recorded."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with act_as(build_request_context(request)):
            return self.get_response(request)


def build_request_context(request: HttpRequest) -> AuditContext:
    """Build the context of a request."""
    return AuditContext(
        via=Via.API if is_api_request(request) else Via.WEB,
        find_actor=partial(find_actor, request),
        address=get_client_address(request),
        user_agent=request.headers.get("User-Agent", ""),
        request_id=request.headers.get("X-Request-Id", ""),
    )


def find_actor(request: HttpRequest) -> AuditActor:
    """Find who sends the request: a key's bearer, a user, an operator in another account, or nobody."""
    user: object = getattr(request, "user", None)
    if isinstance(user, Bearer):
        return describe_bearer(user)
    if isinstance(user, User):
        return AuditActor(ActorType.USER, describe_user(user), user.pk)
    return AuditActor(ActorType.ANONYMOUS, "Nobody logged in")


def describe_bearer(bearer: Bearer) -> AuditActor:
    """Describe a program with a key: a member's, or the account's own."""
    member = bearer.membership
    if member.user_id is None:
        return AuditActor(ActorType.KEY, "Authkey of the account", member.account_id)
    return AuditActor(ActorType.KEY, f"Key of {describe_user(member.user)}", member.user_id)
