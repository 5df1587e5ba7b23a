"""Pages of log-ins through providers: who asks which provider, the redirect there, and its answer."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter, OAuth2CallbackView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.branding import Brand, get_request_brand
from accounts.host_names import normalize_host
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.sign_in.forms import EMAIL_INPUT
from accounts.sign_in.handover import (
    NOT_THERE,
    Start,
    build_start_url,
    build_state,
    find_destination,
    is_main_host,
    read_arrival,
    read_problem,
    read_start,
)
from accounts.sign_in.sso_login import HANDED_OVER, PROVIDER_METHOD
from accounts.sign_in.views import PROVIDER_LABELS, get_next_url
from accounts.sso.discovery import get_origin, is_busy
from accounts.sso.http import BUSY
from accounts.sso.provider import PROVIDER, SsoOAuth2Adapter
from accounts.sso.rules import find_covering_connection

UNKNOWN_DOMAIN = "No account has set up single sign-on for this address. Log in with your password or a passkey."
UNREACHABLE = "The provider cannot be reached now. Try again in a minute, or ask whoever manages your account."
BUSY_SECONDS = 5  # until somebody may try again whom others made wait
NOT_HERE = "This log-in began in another browser, or took too long. Begin again."


class DomainForm(forms.Form):
    """The address whose domain says which provider is asked."""

    email = forms.EmailField(label="E-mail", widget=EMAIL_INPUT)

    def clean_email(self) -> str:
        """Check that an account has verified the address's domain."""
        email = str(self.cleaned_data["email"]).lower()
        if find_covering_connection(email) is None:
            raise forms.ValidationError(UNKNOWN_DOMAIN)
        return email


@never_cache
def ask_for_address(request: HttpRequest) -> HttpResponse:
    """Ask for the e-mail address, and lead to the provider of its domain."""
    if problem := read_problem(request.GET.get("problem", "")):
        messages.error(request, problem)
        return redirect("sso_login")
    if request.method == "POST" and (refusal := refuse_flood(request)):
        return refusal
    form = DomainForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if request.method == "POST" and form.is_valid():
        connection = find_covering_connection(form.cleaned_data["email"])
        assert connection is not None, "the form has found it"
        query = urlencode({"next": get_next_url(request)})
        return redirect(f"{reverse('sso_continue', args=[connection.slug])}?{query}")
    return render(request, "accounts/sso_login.html", {"form": form, "next": get_next_url(request)})


def refuse_flood(request: HttpRequest) -> HttpResponse | None:
    """Count a request that may make us ask a provider; respond with 429 if the client has sent too many."""
    wait = rate_limits.count_attempt((rate_limits.SSO_ADDRESS, get_client_key(request)))
    return refuse(request, rate_limits.format_wait_message(wait), 429, wait) if wait else None


def refuse(request: HttpRequest, text: str, status: int, wait: int) -> HttpResponse:
    """Say why a log-in cannot go on now, and after how many seconds it may."""
    response = render(request, "accounts/sso_refused.html", {"text": text}, status=status)
    response["Retry-After"] = str(wait)
    return response


def find_provider_or_404(request: HttpRequest, name: str) -> Provider:
    """Find a provider by its name or an account's slug. Raises Http404."""
    try:
        provider: Provider = get_adapter(request).get_provider(request, name)
    except SocialApp.DoesNotExist:
        raise Http404("There is no such provider.") from None
    return provider


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def continue_to_provider(request: HttpRequest, connection: str) -> HttpResponse:
    """Show where the log-in goes on, since browsers let a form lead only to addresses that its page has named."""
    if refusal := refuse_flood(request):
        return refusal
    provider = find_provider_or_404(request, connection)
    if not is_main_host(request):
        return lead_to_main_host(request, provider, connection)
    return show_way(request, provider, "accounts/sso_continue.html", {"next": get_next_url(request)})


def lead_to_main_host(request: HttpRequest, provider: Provider, name: str) -> HttpResponse:
    """Show the link to the host of BASE_URL: to come back to a white label's host, to stay there from any other one.

    The provider is not asked for its description here.
    """
    next_url, is_branded = get_next_url(request), get_request_brand(request).white_label
    if is_branded and find_destination(request.get_host(), name) is None:
        messages.error(request, NOT_THERE)
        return redirect("account_login")
    path = f"{reverse('sso_continue', args=[name])}?{urlencode({'next': next_url})}"
    context = {
        "name": name_provider(provider),
        "host": find_login_host(provider),
        "link": build_start_url(request, name, next_url) if is_branded else f"{settings.BASE_URL}{path}",
        "comes_back": is_branded,
    }
    return render(request, "accounts/sso_continue.html", context)


def name_provider(provider: Provider) -> str:
    """Return what people call a provider."""
    return PROVIDER_LABELS.get(provider.id) or str(provider.app.name)


def find_login_host(provider: Provider) -> str:
    """Find the host of a provider without asking it: of an account's, that of its issuer."""
    issuer = provider.app.settings.get("server_url")
    address = issuer or provider.get_oauth2_adapter(provider.request).authorize_url
    return urlsplit(address).hostname or ""


def show_way(
    request: HttpRequest, provider: Provider, template: str, context: dict[str, object], start: Start | None = None
) -> HttpResponse:
    """Show the page with the button that leads to the provider, or go there if it was pressed."""
    try:
        address = provider.get_oauth2_adapter(request).authorize_url
    except OAuth2Error as error:
        if is_busy(error):
            return refuse(request, BUSY, 503, BUSY_SECONDS)
        messages.error(request, UNREACHABLE)
        return redirect("sso_login")
    if request.method == "POST":
        next_url, data = ("/", build_state(start)) if start else (get_next_url(request), {})
        return begin_login(request, provider, next_url, data)
    named = {"name": name_provider(provider), "host": urlsplit(address).hostname, "comes_back": True, **context}
    response = render(request, template, named)
    # Of where the button leads, and where the redirects from there end; config.middleware reads it
    origins = (get_origin(address), start.origin) if start else (get_origin(address),)
    response.form_action_origins = origins  # type: ignore[attr-defined]
    return response


def begin_login(request: HttpRequest, provider: Provider, next_url: str, data: dict[str, object]) -> HttpResponse:
    """Send the browser to the provider."""
    try:
        response: HttpResponse = provider.redirect(request, AuthProcess.LOGIN, next_url=next_url, data=data)
    except ImmediateHttpResponse as immediate:
        response = immediate.response
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def start_for_host(request: HttpRequest) -> HttpResponse:
    """Ask whether to log in on the host of a white label, and begin if so; the token says which one and which provider.

    Somebody else may have begun, and sent the address. The page has the host for a name: ours must not appear to people
    of a white label, and that brand's could be made to look like another one.
    """
    if refusal := refuse_flood(request):
        return refusal
    start = read_start(request.GET.get("to", ""))
    if start is None or not is_main_host(request):
        messages.error(request, NOT_HERE)
        return redirect("sso_login")
    there = normalize_host(start.host)  # in ASCII, where letters that look alike differ
    context: dict[str, object] = {"there": there, "brand": Brand(name=there, host=there)}
    provider = find_provider_or_404(request, start.provider)
    return show_way(request, provider, "accounts/sso_start.html", context, start)


@never_cache
def log_in_after_handover(request: HttpRequest) -> HttpResponse:
    """Log in on the host where the log-in began, by the token from the host of BASE_URL."""
    found = read_arrival(request, request.GET.get("token", ""))
    if found is None:
        messages.error(request, NOT_HERE)
        return redirect("sso_login")
    start, user = found
    record_authentication(request, user, PROVIDER_METHOD, provider=start.provider)
    login = Login(user=user, redirect_url=start.next, signal_kwargs={HANDED_OVER: start.provider})
    response: HttpResponse = perform_login(request, login)
    return response


def build_callback(name: str, adapter: type[OAuth2Adapter]) -> Callable[[HttpRequest], HttpResponse]:
    """Build the view that receives the answers of Google, Microsoft or GitHub."""

    @never_cache
    def receive_social_answer(request: HttpRequest) -> HttpResponse:
        find_provider_or_404(request, name)
        response: HttpResponse = OAuth2CallbackView.adapter_view(adapter)(request)
        return response

    return receive_social_answer


@never_cache
def receive_answer(request: HttpRequest, connection: str) -> HttpResponse:
    """Receive the answer of an account's provider."""
    if find_provider_or_404(request, connection).id != PROVIDER:
        raise Http404("There is no such provider.")
    view = OAuth2CallbackView.adapter_view(SsoOAuth2Adapter(request, connection))
    response: HttpResponse = view(request)
    return response
