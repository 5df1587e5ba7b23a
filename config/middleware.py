"""Middleware: security headers, redirects to https, 405 for OPTIONS on pages, bodies in chunks; 503 while password
hashing is busy or the event store is away, 429 for accounts whose queries take too much, and other errors of views.
"""

import logging
from collections.abc import Callable

from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponsePermanentRedirect,
    HttpResponseRedirect,
)
from django.urls import reverse

from accounts.host_names import normalize_host
from accounts.permissions import SecondFactorRequired
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.sign_in.confirmation import redirect_to_confirmation
from config.serving import senders
from config.serving.error_responses import build_error_response
from reports.query.budgets import AnsweredRequest, BudgetExceeded, answered_request
from tracking.live_streams import VIEWED_ACCOUNT
from tracking.store import UNREADABLE, StoreAway, StoreError

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; connect-src 'self'; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
API_PREFIXES = ("/api/", "/clickmeter/", "/stats/api", "/ajax/")  # not redirected: clients would lose their keys
log = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponse]


class SyncMiddleware:
    """Base of the middleware below: synchronous, and without effect by itself."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)


class ViewMiddleware(SyncMiddleware):
    """Surrounds a view: holds its queries to the accounts' budgets, tells whose they or a live view were for the turns
    of further requests, and responds to the errors that it raises, in the format of the page or API.

    A response for which shards of the store were left out says so in a header, since not every format has a place for
    it.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answered = AnsweredRequest()
        token = answered_request.set(answered)
        try:
            response = self.get_response(request)
        finally:
            answered_request.reset(token)
        account_id = answered.account_id or getattr(request, VIEWED_ACCOUNT, None)
        if account_id is not None and (scope := getattr(request, "scope", None)):
            senders.note_account(scope, account_id)
        if answered.incomplete:
            response["X-Data-Incomplete"] = "shards"
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Respond to the errors below; None leaves any other exception to Django."""
        if isinstance(exception, BudgetExceeded):
            response = build_error_response(request, 429, str(exception))
            response["Retry-After"] = str(exception.seconds)
            return response
        if isinstance(exception, StoreError):
            log.warning("%s: %s", request.path, exception, exc_info=not isinstance(exception, StoreAway))
            return build_error_response(request, 503, UNREADABLE)
        if isinstance(exception, HashingBusy):
            response = HttpResponse(f"{exception}\n", content_type="text/plain; charset=utf-8", status=503)
            response["Retry-After"] = str(RETRY_SECONDS)
            return response
        if isinstance(exception, SecondFactorRequired):
            return demand_second_factor(request, exception)
        return redirect_to_confirmation(request) if isinstance(exception, ReauthenticationRequired) else None


def demand_second_factor(request: HttpRequest, exception: SecondFactorRequired) -> HttpResponse:
    """Send a member without the second factor that an account demands to the page where they set one up; APIs answer
    403."""
    if is_api_request(request):
        return build_error_response(request, 403, str(exception))
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
    return HttpResponseRedirect(reverse("mfa_index"))


def is_api_request(request: HttpRequest) -> bool:
    """Whether the request is for an API, not for a page."""
    return request.path.startswith(API_PREFIXES) or hasattr(request, "urlconf")  # set for hosts of the link API


class HttpMiddleware(SyncMiddleware):
    """What HTTP needs of every request and response: gives a body sent in chunks its length, since Django and DRF
    would treat it as empty; redirects pages from http to https; answers OPTIONS on pages with 405, since their views
    would treat it like GET; and sets the headers that restrict browsers: Content-Security-Policy, which forbids inline
    scripts, Permissions-Policy, Strict-Transport-Security and Cross-Origin-Resource-Policy. Views may set their own.

    Only requests that came by http according to a trusted proxy are redirected. Browsers send Sec-Fetch headers over
    https only, so a request with them is not redirected whatever the proxy says: that would be an endless loop. APIs
    answer OPTIONS themselves.
    """

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            request.META["CONTENT_LENGTH"] = str(len(request.body))
        if settings.SECURE and should_redirect_to_https(request):
            return HttpResponsePermanentRedirect(f"https://{request.get_host()}{request.get_full_path()}")
        if request.method == "OPTIONS" and not is_api_request(request):
            response: HttpResponse = HttpResponseNotAllowed(["GET", "HEAD", "POST"])
        else:
            response = self.get_response(request)
        set_default = response.headers.setdefault
        set_default("Content-Security-Policy", build_policy(response))
        set_default("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        set_default("Cross-Origin-Resource-Policy", choose_resource_policy(request, response))
        if settings.SECURE and request.is_secure() and normalize_host(request.get_host()) == settings.BASE_HOST:
            set_default("Strict-Transport-Security", f"{settings.HSTS}; includeSubDomains")
        return response


def should_redirect_to_https(request: HttpRequest) -> bool:
    """Whether a page was requested by http although https is available."""
    scope = getattr(request, "scope", {})
    return (
        scope.get("forwarded_scheme") == "http"
        and request.method in ("GET", "HEAD")
        and not is_api_request(request)
        and "Sec-Fetch-Mode" not in request.headers
    )


def build_policy(response: HttpResponse) -> str:
    """Build the Content-Security-Policy of a response by what its view has set on it."""
    policy = CONTENT_SECURITY_POLICY
    if getattr(response, "xframe_options_exempt", False):
        ancestors = getattr(response, "frame_ancestors", ()) or ("*",)  # the hosts whose pages may contain it
        policy = policy.replace("frame-ancestors 'none'", f"frame-ancestors {' '.join(ancestors)}")
    if origins := getattr(response, "form_action_origins", ()):  # of the provider that the page's form leads to
        return policy.replace("form-action 'self'", f"form-action 'self' {' '.join(origins)}")
    return policy


def choose_resource_policy(request: HttpRequest, response: HttpResponse) -> str:
    """Choose the Cross-Origin-Resource-Policy: other sites may load only what is meant for embedding."""
    content_type = response.headers.get("Content-Type", "")
    is_embeddable = (
        "Access-Control-Allow-Origin" in response.headers
        or getattr(response, "xframe_options_exempt", False)
        or content_type.startswith("application/javascript")
        or (content_type.startswith("image/") and request.path.startswith("/share/"))
    )
    return "cross-origin" if is_embeddable else "same-origin"
