"""Middleware that tells the audit log who sends a request, and from where; and lets operators act for members."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.audit.context import AuditActor, AuditContext, describe_user, simplify_chosen_name, use_context
from accounts.audit.models import ActorType, Via
from accounts.impersonation import REFUSED_MESSAGE, SAFE_METHODS, SESSION_KEY, find_impersonated, is_refused
from accounts.models import User
from accounts.permissions import Bearer
from accounts.security.client_ip import get_client_address
from config.middleware import SyncMiddleware, is_api_request
from config.serving.error_responses import build_error_response

OPERATORS_PAGES = "/operations"
OVER = "Your time in this account is over, so nothing was changed. Begin again under Installation → Accounts."
OPERATOR_PATHS = ("/logout", "/operations/impersonation/end")  # on which the operator is not replaced by the member


class ImpersonationMiddleware(SyncMiddleware):
    """Makes `request.user` the member as whom an operator acts, and `request.impersonator` the operator.

    Only requests with a session cookie are looked at, so that others do not depend on it.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_acting = settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session
        if is_acting and not self.act_for_member(request):
            return build_error_response(request, 403, OVER)
        return self.get_response(request)

    def act_for_member(self, request: HttpRequest) -> bool:
        """Replace the user, unless the operator logs out or ends it. False for a write after the time is over: it was
        meant for the member's account, not for the operator's own."""
        operator: object = request.user
        if not isinstance(operator, User):
            return True
        membership = find_impersonated(request, operator, timezone.now())
        if membership is None:
            del request.session[SESSION_KEY]
            return request.method in SAFE_METHODS or request.path in OPERATOR_PATHS
        if request.path not in OPERATOR_PATHS:
            request.user = membership.user
            request.impersonator = operator  # type: ignore[attr-defined]
        return True

    def process_view(self, request: HttpRequest, view: object, args: object, kwargs: object) -> HttpResponse | None:
        """Refuse what nobody may do for somebody else."""
        match = request.resolver_match
        if getattr(request, "impersonator", None) is None or match is None or not is_refused(match, request.method):
            return None
        return build_error_response(request, 403, REFUSED_MESSAGE)


class AuditMiddleware(SyncMiddleware):
    """Sets the context in which the actions of a request are recorded. The actor is found when one is recorded."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with use_context(build_request_context(request)):
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
    operator: object = getattr(request, "impersonator", None)
    if isinstance(user, User) and isinstance(operator, User):
        return AuditActor(ActorType.OPERATOR, f"{describe_user(operator)} as {describe_user(user)}", operator.pk)
    if isinstance(user, User):
        is_operating = user.is_operator and request.path.startswith(OPERATORS_PAGES)
        return AuditActor(ActorType.OPERATOR if is_operating else ActorType.USER, describe_user(user), user.pk)
    return AuditActor(ActorType.ANONYMOUS, "Nobody logged in")


def describe_bearer(bearer: Bearer) -> AuditActor:
    """Describe a program with a personal token or a key: a member's, or the account's own."""
    member = bearer.membership
    if bearer.token is not None:
        token = simplify_chosen_name(bearer.token.name)
        return AuditActor(ActorType.KEY, f"Token “{token}” of {describe_user(member.user)}", member.user_id)
    if member.user_id is None:
        return AuditActor(ActorType.KEY, "Authkey of the account", member.account_id)
    return AuditActor(ActorType.KEY, f"Key of {describe_user(member.user)}", member.user_id)
