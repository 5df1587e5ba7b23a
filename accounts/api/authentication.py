"""Who calls the management API, what a personal token may be used for, and how often a key may call."""

from __future__ import annotations

from django.utils import timezone as clock
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.account_limits import get_account_limit
from accounts.api.errors import LOGIN_HINT
from accounts.api.throttles import admit_call
from accounts.keys import hash_key
from accounts.models import WRITE
from accounts.permissions import PERSONAL_TOKEN_PREFIX, Bearer, find_bearer, find_token_bearer
from accounts.plans.models import Api
from accounts.security.rate_limits import RateLimit, RequestCount, count_request
from accounts.services.personal_tokens import personal_token_use


def read_bearer_key(request: Request) -> str | None:
    """Return what follows `Authorization: Bearer`; None without such a header."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <authkey>` of an account or of one of its members."""

    def authenticate(self, request: Request) -> tuple[Bearer, str] | None:
        """Return the actor of the key and the key; None without such a header. Raises AuthenticationFailed."""
        key = read_bearer_key(request)
        if key is None:
            return None
        bearer = find_bearer(key)
        if bearer is None:
            raise exceptions.AuthenticationFailed("The key is unknown. Settings → Account shows your authkey.")
        return bearer, key

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that WWW-Authenticate asks for."""
        return "Bearer"


class PersonalTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer wapt_…`: a person's token."""

    def authenticate(self, request: Request) -> tuple[Bearer, str] | None:
        """Return the actor of the token and the token; None for another key. Raises AuthenticationFailed."""
        plain, now = read_bearer_key(request), clock.now()
        if plain is None or not plain.startswith(PERSONAL_TOKEN_PREFIX):
            return None
        bearer = find_token_bearer(plain, now)
        if bearer is None or bearer.token is None:
            raise exceptions.AuthenticationFailed("The token is unknown, expired or revoked. Settings → API tokens.")
        personal_token_use(token=bearer.token, now=now)
        return bearer, plain

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that WWW-Authenticate asks for."""
        return "Bearer"


class IsAuthenticated(BasePermission):
    """Permission for requests of somebody who is logged in or sends a key."""

    message = LOGIN_HINT

    def has_permission(self, request: Request, view: object) -> bool:
        """Whether the request has an actor."""
        return bool(request.user and request.user.is_authenticated)


class IsWithinScopes(BasePermission):
    """Permission for personal tokens: a scope of the view's area, `write` for methods that write.

    A view that shows secrets or personal data demands `write` of reads as well, by its `read_right`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the token has the scope. Raises PermissionDenied with a sentence that names it."""
        token = request.user.token if isinstance(request.user, Bearer) else None
        area: str = view.area  # type: ignore[attr-defined]
        right: str = view.read_right if request.method in SAFE_METHODS else WRITE  # type: ignore[attr-defined]
        if token is not None and area and not token.allows(area, right):
            raise exceptions.PermissionDenied(f"This token does not have the scope {area}:{right}.")
        return True


class ManagementThrottle(BaseThrottle):
    """The account's limit of requests a minute, for each key and personal token, and its calls of the month; people who
    log in have neither. A view that is `uncounted` is answered when these are used up."""

    limit_name = "management_per_minute"
    count: RequestCount

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Count the request, and whether it is within the limit."""
        if not isinstance(request.user, Bearer):
            return True
        account = request.user.membership.account
        maximum = get_account_limit(account, self.limit_name)
        self.count = count_request(RateLimit(self.limit_name, maximum, 60), hash_key(str(request.auth)), clock.now())
        if not self.count.retry_after and not getattr(view, "uncounted", False):
            admit_call(account.pk, Api.MANAGEMENT, over_api_calls=account.over_api_calls)
        return not self.count.retry_after

    def wait(self) -> int:
        """Return the seconds until the limit is reset."""
        return self.count.retry_after
