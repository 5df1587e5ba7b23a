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
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache

from accounts.sign_in.forms import EMAIL_INPUT
from accounts.sign_in.handover import (
    build_start_url,
    build_state,
    is_main_host,
    read_arrival,
    read_problem,
    read_start,
)
from accounts.sign_in.sso_login import HANDED_OVER, PROVIDER_METHOD
from accounts.sign_in.views import PROVIDER_LABELS, get_next_url
from accounts.sso.discovery import get_origin
from accounts.sso.provider import PROVIDER, SsoOAuth2Adapter
from accounts.sso.rules import find_covering_connection

UNKNOWN_DOMAIN = "No account has set up single sign-on for this address. Log in with your password or a passkey."
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
def find_login(request: HttpRequest) -> HttpResponse:
    """Ask for the e-mail address, and lead to the provider of its domain."""
    if problem := read_problem(request.GET.get("problem", "")):
        messages.error(request, problem)
        return redirect("sso_login")
    form = DomainForm(request.POST or None, initial={"email": request.GET.get("email", "")})
    if request.method == "POST" and form.is_valid():
        connection = find_covering_connection(form.cleaned_data["email"])
        assert connection is not None, "the form has found it"
        query = urlencode({"next": get_next_url(request)})
        return redirect(f"{reverse('sso_continue', args=[connection.slug])}?{query}")
    return render(request, "accounts/sso_login.html", {"form": form, "next": get_next_url(request)})


def find_provider_or_404(request: HttpRequest, name: str) -> Provider:
    """Find a provider by its name or an account's slug. Raises Http404."""
    try:
        provider: Provider = get_adapter(request).get_provider(request, name)
    except SocialApp.DoesNotExist:
        raise Http404("There is no such provider.") from None
    return provider


@never_cache
def continue_with(request: HttpRequest, connection: str) -> HttpResponse:
    """Show where the log-in goes on, since browsers let a form lead only to addresses that its page has named."""
    provider = find_provider_or_404(request, connection)
    try:
        address = provider.get_oauth2_adapter(request).authorize_url
    except OAuth2Error as error:
        messages.error(request, f"The provider cannot be reached now. {error}")
        return redirect("sso_login")
    if request.method == "POST" and is_main_host(request):
        return begin_login(request, provider, get_next_url(request), {})
    context = {
        "name": PROVIDER_LABELS.get(provider.id, provider.app.name),
        "host": urlsplit(address).hostname,
        "next": get_next_url(request),
        "start_url": "" if is_main_host(request) else build_start_url(request, connection, get_next_url(request)),
    }
    response = render(request, "accounts/sso_continue.html", context)
    response.form_action_origins = (get_origin(address),)  # type: ignore[attr-defined] # config.middleware reads it
    return response


def begin_login(request: HttpRequest, provider: Provider, next_url: str, data: dict[str, object]) -> HttpResponse:
    """Send the browser to the provider."""
    try:
        response: HttpResponse = provider.redirect(request, AuthProcess.LOGIN, next_url=next_url, data=data)
    except ImmediateHttpResponse as immediate:
        response = immediate.response
    return response


@never_cache
def start_for_host(request: HttpRequest) -> HttpResponse:
    """Begin a log-in of another host; its token says which provider, and where it leads back to."""
    start = read_start(request.GET.get("to", ""))
    if start is None or not is_main_host(request):
        messages.error(request, NOT_HERE)
        return redirect("sso_login")
    return begin_login(request, find_provider_or_404(request, start.provider), "/", build_state(start))


@never_cache
def arrive(request: HttpRequest) -> HttpResponse:
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
