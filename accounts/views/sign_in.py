"""Log-in, log-out, and a new password by mail."""

from __future__ import annotations

from smtplib import SMTPException
from typing import NamedTuple

from django.contrib.auth import login, logout
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import url_has_allowed_host_and_scheme, urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts import mail
from accounts.branding import Brand, get_request_brand
from accounts.forms import LoginForm, NewPasswordForm, ResetForm, add_errors
from accounts.models import User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts, check_credentials, forget_attempts, remember_login
from accounts.services import user_password_set

SESSION_RESET_TOKEN = "password_reset_token"  # noqa: S105 - a name
TOKEN_PLACEHOLDER = "choose"  # noqa: S105 - in the address instead of the token


def get_next_url(request: HttpRequest) -> str:
    """Return the address in the parameter `next` if it is on this host, else that of the start page."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if safe else "/"


@never_cache
@sensitive_post_parameters("password")
def log_in(request: HttpRequest) -> HttpResponse:
    """Log in; a fresh installation redirects to its set-up page."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(get_next_url(request))
    if request.method != "POST" and not User.objects.has_login_user():
        return redirect("accounts:setup-hint")
    form = LoginForm(request.POST or None)
    status = OK_STATUS
    if request.method == "POST" and form.is_valid():
        status = _try_login(request, form)
        if request.user.is_authenticated:
            response = HttpResponseRedirect(get_next_url(request))
            remember_login(request, response, request.user)
            return response
    return _render_form(request, "accounts/login.html", form, status)


class FormStatus(NamedTuple):
    """The HTTP status of a form's page; `wait` seconds go into Retry-After (0 = no such header)."""

    status: int
    wait: int


OK_STATUS = FormStatus(200, 0)


def _try_login(request: HttpRequest, form: LoginForm) -> FormStatus:
    """Log in, or add an error to the form; returns the status of the form's page."""
    email = form.cleaned_data["email"].lower()
    try:
        user = check_credentials(request, email, form.cleaned_data["password"])
    except TooManyAttempts as error:
        form.add_error(None, f"{error} Or reset your password: we mail you a link.")
        return FormStatus(429, error.seconds)
    except HashingBusy as error:
        form.add_error(None, str(error))
        return FormStatus(503, RETRY_SECONDS)
    if user is None:
        form.add_error(None, "This e-mail and password do not match.")
    else:
        login(request, user)
    return OK_STATUS


def _render_form(request: HttpRequest, template: str, form: object, status: FormStatus = OK_STATUS) -> HttpResponse:
    """Render a form's page, with Retry-After if the user has to wait."""
    address = get_next_url(request)
    context = {"form": form, "next": address, "invited": address.startswith("/join/")}
    response = render(request, template, context, status=status.status)
    if status.wait:
        response["Retry-After"] = str(status.wait)
    return response


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session, then redirect to the parameter `next` or the log-in page."""
    logout(request)
    return redirect(get_next_url(request) if "next" in request.POST else "accounts:login")


@never_cache
def request_password_reset(request: HttpRequest) -> HttpResponse:
    """Mail a link to a new password. The response is the same whether or not the address has a user."""
    form = ResetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if wait := rate_limits.count_attempt((rate_limits.RESET_ADDRESS, get_client_key(request))):
            form.add_error(None, rate_limits.format_wait_message(wait, "requests"))
            return _render_form(request, "accounts/reset.html", form, FormStatus(429, wait))
        email = form.cleaned_data["email"].lower()
        if _mail_reset_unless_limited(request, form, email):
            return render(
                request, "accounts/reset_sent.html", {"email": email, "max_mails": rate_limits.RESET_EMAIL.maximum}
            )
    return _render_form(request, "accounts/reset.html", form)


def _mail_reset_unless_limited(request: HttpRequest, form: ResetForm, email: str) -> bool:
    """Mail a link unless the user got as many as RESET_EMAIL allows, whose links still work.

    Above the limit the page still answers as if a mail was sent: otherwise strangers could use up the user's limit
    and keep them from resetting the password.
    """
    limit = (rate_limits.RESET_EMAIL, email)
    if rate_limits.count_attempt(limit):
        return True
    sent = _mail_reset(form, email, get_request_brand(request))
    if not sent:
        rate_limits.undo_attempt(limit)
    return sent


def _mail_reset(form: ResetForm, email: str, brand: Brand) -> bool:
    """Mail the link if the address has an active user; returns False, with an error in the form, if mail fails.

    `brand` is that of the request's host. Anybody can send a request to any host, so the mail uses it only for people
    who belong to it alone.
    """
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        return True
    path = reverse(
        "accounts:reset-confirm",
        args=[urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)],
    )
    brand = mail.choose_link_brand(brand, user)
    try:
        mail.send(
            to=user.email, template="accounts/password_reset.txt", brand=brand, user=user, link=brand.base_url + path
        )
    except (OSError, SMTPException):
        form.add_error(None, "The mail could not be sent. Try again later.")
        return False
    return True


@never_cache
@sensitive_post_parameters("password")
def confirm_password_reset(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Set a new password by a mailed link.

    The token is moved from the address into the session, so that it is in no browser history and no Referer header.
    """
    user = _find_user(uid)
    is_in_session = token == TOKEN_PLACEHOLDER
    received_token = request.session.get(SESSION_RESET_TOKEN, "") if is_in_session else token
    if user is None or not default_token_generator.check_token(user, received_token):
        return render(request, "accounts/link_dead.html", status=404)
    if not is_in_session:
        request.session[SESSION_RESET_TOKEN] = token
        return redirect("accounts:reset-confirm", uid, TOKEN_PLACEHOLDER)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user_password_set(user=user, password=form.cleaned_data["password"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            del request.session[SESSION_RESET_TOKEN]
            login(request, user)
            forget_attempts(user)
            response = redirect("/")
            remember_login(request, response, user)
            return response
    return render(request, "accounts/reset_confirm.html", {"form": form})


def _find_user(uid: str) -> User | None:
    """Find the active user of an id from a reset link."""
    try:
        return User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        return None


def serve_brand_stylesheet(request: HttpRequest) -> HttpResponse:
    """Serve the host's accent colour as a stylesheet, because the Content-Security-Policy allows no inline style."""
    accent = get_request_brand(request).accent
    if not accent:
        raise Http404("This host has no colour of its own.")
    response = HttpResponse(f":root {{ --accent: {accent}; }}\n", content_type="text/css")
    response["Cache-Control"] = "public, max-age=300"
    return response
