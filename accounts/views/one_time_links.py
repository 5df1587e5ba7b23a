"""Pages behind one-time links: the set-up of a fresh installation, and joining an account."""

from __future__ import annotations

from collections.abc import Sequence

from allauth.account.utils import perform_login
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
from accounts.invitation_lists import describe_invitation, format_sender
from accounts.models import Invitation, SignUp, User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.password_login import remember_login
from accounts.selectors import get_sign_up
from accounts.services import is_placeholder, user_create
from accounts.services.invitation_mails import is_proof_of_address
from accounts.services.invitations import (
    SETUP_HOURS,
    explain_dead_link,
    find_open_invitation,
    installation_setup,
    invitation_accept,
)
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
        return render(request, "accounts/link_dead.html", {"reason": explain_dead_link(token, clock.now())}, status=404)
    if request.user.is_authenticated:
        return _join_logged_in(request, invitation)
    if find_enforced_connection(invitation.email) is not None:
        return redirect(f"{reverse('sso_login')}?{urlencode({'email': invitation.email, 'next': request.path})}")
    user = User.objects.filter(email=invitation.email).first()
    if user is not None and not is_placeholder(user):
        return redirect(f"{reverse('account_login')}?next={request.path}")
    if get_sign_up() == SignUp.CLOSED:
        return render(request, "accounts/signup_closed.html", {"is_invited": True}, status=403)
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (joined := _join_new(request, form, invitation)):
        return _log_in_new(request, joined, invitation)
    return _render_join(request, invitation, form)


def _render_join(
    request: HttpRequest, invitation: Invitation, form: JoinForm | None, errors: Sequence[str] = ()
) -> HttpResponse:
    """Render the page that says who invites to what; `form` is a new user's."""
    context = {
        "form": form,
        "errors": errors,
        "invitation": invitation,
        "sender": format_sender(invitation),
        "access": describe_invitation(invitation),
        "needs_code": not is_proof_of_address(invitation),
    }
    return render(request, "accounts/join.html", context, status=get_form_status(form) if form else 200)


def _join_new(request: HttpRequest, form: JoinForm, invitation: Invitation) -> User | None:
    """Create a user, who joins the account if the link proves the address; returns None, with an error in the form, if
    that fails.
    """
    if not count_link_attempt(request, form):
        return None
    is_proof = is_proof_of_address(invitation)
    try:
        with transaction.atomic():
            user = user_create(email=invitation.email, is_verified=is_proof, **form.cleaned_data)
            if is_proof:
                invitation_accept(invitation=invitation, user=user, now=clock.now())
    except ValidationError as error:
        add_errors(form, error)
        return None
    return user


def _log_in_new(request: HttpRequest, user: User, invitation: Invitation) -> HttpResponse:
    """Log in a user who just joined; one whose address is not verified enters a mailed code, then accepts."""
    if not is_proof_of_address(invitation):
        response: HttpResponse = perform_login(request, user, redirect_url=request.path)
        return response
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session["account"] = invitation.account_id
    home = redirect("/")
    remember_login(request, home, user)
    return home


def _join_logged_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Join as the user who is logged in, after a confirmation; with another address than the invited one, explain."""
    if request.method != "POST":
        return _render_join(request, invitation, None)
    try:
        invitation_accept(invitation=invitation, user=request.user, now=clock.now())  # type: ignore[arg-type]
    except ValidationError as error:
        return _render_join(request, invitation, None, error.messages)
    request.session["account"] = invitation.account_id
    return redirect("/")
