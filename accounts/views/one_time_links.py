"""Pages behind one-time links: the set-up of a fresh installation, and joining an account."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.forms import JoinForm, SetupForm, add_errors
from accounts.models import Invitation, User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.password_login import remember_login
from accounts.services import is_placeholder, user_create
from accounts.services.invitations import SETUP_HOURS, find_open_invitation, installation_setup, invitation_accept
from accounts.sso.rules import find_enforced_connection


def count_link_attempt(request: HttpRequest, form: Form) -> bool:
    """Count an attempt of this client to use a one-time link; returns False, with an error in the form, if too many."""
    wait = rate_limits.count_attempt((rate_limits.JOIN_ADDRESS, get_client_key(request)))
    if wait:
        form.add_error(None, ValidationError(rate_limits.format_wait_message(wait), "throttled"))
    return not wait


def get_form_status(form: Form) -> int:
    """Return the status of the form's page: 429 after `count_link_attempt` returned False."""
    return 429 if form.has_error(NON_FIELD_ERRORS, "throttled") else 200


def show_setup_hint(request: HttpRequest) -> HttpResponse:
    """Explain how to set up a fresh installation. The link itself is printed in the terminal only."""
    if User.objects.has_login_user():
        return redirect("account_login")
    return render(request, "accounts/setup_hint.html", {"hours": SETUP_HOURS})


@never_cache
@sensitive_post_parameters("password")
def set_up_installation(request: HttpRequest, token: str) -> HttpResponse:
    """Create the first user by a set-up link, which works once."""
    invitation = find_open_invitation(token, clock.now())
    is_setup = invitation is not None and invitation.account_id is None
    if not is_setup and not User.objects.has_login_user():
        return render(request, "accounts/setup_hint.html", {"hours": SETUP_HOURS, "is_invalid": True}, status=404)
    if invitation is None or not is_setup or User.objects.has_login_user():
        return render(request, "accounts/link_dead.html", status=404)
    form = SetupForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and count_link_attempt(request, form):
        try:
            user = installation_setup(invitation=invitation, now=clock.now(), **form.cleaned_data)
        except ValidationError as error:
            add_errors(form, error)
        else:
            login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            response = redirect("/")
            remember_login(request, response, user)
            return response
    return render(request, "accounts/setup.html", {"form": form}, status=get_form_status(form))


@never_cache
@sensitive_post_parameters("password")
def join_account(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: as the user who is logged in, as an existing user who logs in first, or as a new one."""
    invitation = find_open_invitation(token, clock.now())
    if invitation is None or invitation.account_id is None:
        return render(request, "accounts/link_dead.html", status=404)
    if request.user.is_authenticated:
        return _join_logged_in(request, invitation)
    if find_enforced_connection(invitation.email) is not None:
        return redirect(f"{reverse('sso_login')}?{urlencode({'email': invitation.email, 'next': request.path})}")
    user = User.objects.filter(email=invitation.email).first()
    if user is not None and not is_placeholder(user):
        return redirect(f"{reverse('account_login')}?next={request.path}")
    if settings.SIGN_UP == "closed":
        return render(request, "accounts/signup_closed.html", {"by_invitation": False}, status=403)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (joined := _join_new(request, form, invitation)):
        login(request, joined, backend="django.contrib.auth.backends.ModelBackend")
        request.session["account"] = invitation.account_id
        response = redirect("/")
        remember_login(request, response, joined)
        return response
    return render(request, "accounts/join.html", {"form": form, "invitation": invitation}, status=get_form_status(form))


def _join_new(request: HttpRequest, form: JoinForm, invitation: Invitation) -> User | None:
    """Create a user who joins the account; returns None, with an error in the form, if that fails."""
    if not count_link_attempt(request, form):
        return None
    try:
        with transaction.atomic():
            user = user_create(email=invitation.email, **form.cleaned_data)
            invitation_accept(invitation=invitation, user=user, now=clock.now())
    except ValidationError as error:
        add_errors(form, error)
        return None
    return user


def _join_logged_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Join as the user who is logged in, after a confirmation that says if another address was invited."""
    errors: list[str] = []
    if request.method == "POST":
        try:
            invitation_accept(invitation=invitation, user=request.user, now=clock.now())  # type: ignore[arg-type]
        except ValidationError as error:
            errors = error.messages
        else:
            request.session["account"] = invitation.account_id
            return redirect("/")
    return render(request, "accounts/join.html", {"form": None, "invitation": invitation, "errors": errors})
