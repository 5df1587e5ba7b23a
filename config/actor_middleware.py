"""Middleware that lets operators act for members and agencies see pages as their clients, and tells the audit log who
sends a request, and from where."""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, ResolverMatch, resolve
from django.utils import timezone

from accounts import client_views
from accounts.audit.context import AuditActor, AuditContext, current_context, describe_user, simplify_chosen_name
from accounts.audit.models import ActorType, Via
from accounts.branding import load_brand
from accounts.impersonation import REFUSED_MESSAGE, SAFE_METHODS, SESSION_KEY, find_impersonated, is_refused
from accounts.models import User
from accounts.permissions import SEEN_AS, Bearer
from accounts.security.client_ip import get_client_address
from accounts.sign_in.session_activity import prolong_used_session
from accounts.sign_in.sso_login import note_provider_account
from config.middleware import SyncMiddleware, is_api_request
from config.serving.error_responses import build_error_response

OPERATORS_PAGES = "/operations"
LINKS_API = "/clickmeter/"
OVER = "Your time in this account is over, so nothing was changed. Begin again under Installation → Accounts."
OPERATOR_PATHS = ("/logout", "/operations/impersonation/end")  # on which the operator is not replaced by the member
CLIENT_VIEW_PATHS = ("/logout", "/theme", "/clients/view/end")  # which are open to who sees the pages as a client


class ActorMiddleware(SyncMiddleware):
    """Makes `request.user` the member as whom an operator acts, and `request.impersonator` the operator; sets the
    context in which the actions of the request are recorded; prolongs the session that was used.

    Only requests with a session cookie are looked at, and not those for the links API, which knows no sessions.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = current_context.set(partial(build_request_context, request))
        try:
            if settings.SESSION_COOKIE_NAME in request.COOKIES and not request.path.startswith(LINKS_API):
                note_provider_account(request)
                refusal = self.act_for_member(request) if SESSION_KEY in request.session else None
                if refusal is None and client_views.SESSION_KEY in request.session:
                    refusal = self.see_as_client(request)
                if refusal is not None:
                    return build_error_response(request, 403, refusal)
            response = self.get_response(request)
            if request.session.accessed:
                prolong_used_session(request)
            return response
        finally:
            current_context.reset(token)

    def act_for_member(self, request: HttpRequest) -> str | None:
        """Replace the user, unless the operator logs out or ends it. Returns why the request is refused: nobody may do
        it for somebody else, or it is a write after the time is over, which was meant for the member's account."""
        operator: object = request.user
        if not isinstance(operator, User):
            return None
        membership = find_impersonated(request, operator, timezone.now())
        if membership is None:
            del request.session[SESSION_KEY]
            return None if request.method in SAFE_METHODS or request.path in OPERATOR_PATHS else OVER
        if request.path in OPERATOR_PATHS:
            return None
        request.user = membership.user
        request.impersonator = operator  # type: ignore[attr-defined]
        match = find_view(request)
        return REFUSED_MESSAGE if match is not None and is_refused(match, request.method) else None

    def see_as_client(self, request: HttpRequest) -> str | None:
        """Give the user the rights of a member of the client's account, and the page its brand. Returns why the
        request is refused: it writes, or shows what nobody may see for somebody else."""
        user: object = request.user
        if not isinstance(user, User) or request.path in CLIENT_VIEW_PATHS:
            return None
        membership = client_views.find_seen_membership(request, user)
        if membership is None:
            client_views.end_client_view(request)
            return None if request.method in SAFE_METHODS else client_views.OVER
        setattr(user, SEEN_AS, membership)
        user.is_operator = False  # of this request: the pages of operators are not the client's
        request.client_view = membership  # type: ignore[attr-defined]
        request.host_brand = load_brand(membership.account)  # type: ignore[attr-defined]
        match = find_view(request)
        is_refused_page = match is not None and is_refused(match, request.method)
        return client_views.READ_ONLY if is_refused_page or request.method not in SAFE_METHODS else None


def find_view(request: HttpRequest) -> ResolverMatch | None:
    """Find the view that will respond; None for an address that does not exist."""
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return None


def build_request_context(request: HttpRequest) -> AuditContext:
    """Build the context of a request, when the first action is recorded."""
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
