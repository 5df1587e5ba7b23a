"""Pages of sign-in: django-allauth's views with our templates, forms and limits."""

from __future__ import annotations

from smtplib import SMTPException

from allauth.account import views as allauth_views
from allauth.account.decorators import reauthentication_required
from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.models import PersonalToken, SignUp, User
from accounts.security import rate_limits
from accounts.security.client_ip import get_client_key
from accounts.security.password_login import forget_attempts
from accounts.selectors import get_sign_up
from accounts.services import user_email_verify
from accounts.settings_parts import build_account_navigation
from accounts.sign_in.adapter import REVIEW_TOKENS, is_sign_up_open
from accounts.sign_in.forms import (
    OK_STATUS,
    ChangePasswordForm,
    EmailChangeForm,
    FormStatus,
    LoginForm,
    NewPasswordForm,
    ReauthenticateForm,
    ResetForm,
    SignupForm,
)
from accounts.sso.rules import find_required_connection

Context = dict[str, object]
PROVIDER_LABELS = {"google": "Google", "microsoft": "Microsoft", "github": "GitHub"}


def list_social_buttons() -> list[tuple[str, str]]:
    """List the providers that the operator has configured, each with its label."""
    return [(name, PROVIDER_LABELS[name]) for name in settings.SOCIAL_LOGINS]


def get_next_url(request: HttpRequest) -> str:
    """Return the address in the parameter `next` if it is on this host, else that of the start page."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure())
    return address if safe else "/"


class EntrancePage:
    """A mixin for pages without a log-in."""

    request: HttpRequest

    def get_context_data(self, **kwargs: object) -> Context:
        """Remove allauth's `site`, which in our templates is a measured site."""
        context: Context = super().get_context_data(**kwargs)  # type: ignore[misc]
        context.pop("site", None)
        return {**context, "next": get_next_url(self.request), "sign_up": is_sign_up_open(self.request)}


class RefusingView:
    """A mixin: the page of a refused form has its status, and Retry-After."""

    request: HttpRequest

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        """Show the form again."""
        response: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        form_status: FormStatus = getattr(form, "form_status", OK_STATUS)
        response.status_code = form_status.status
        if form_status.wait:
            response["Retry-After"] = str(form_status.wait)
        return response


class LoginView(RefusingView, EntrancePage, allauth_views.LoginView):  # type: ignore[misc]
    """Log in; a fresh installation redirects to its set-up page."""

    form_class = LoginForm
    template_name = "accounts/login.html"

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Redirect to the set-up page as long as nobody can log in."""
        if request.method != "POST" and not request.user.is_authenticated and not User.objects.has_login_user():
            return redirect("accounts:setup-hint")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: object) -> Context:
        """Add whether the log-in leads to an invitation."""
        invited = get_next_url(self.request).startswith("/join/")
        return {**super().get_context_data(**kwargs), "invited": invited, "providers": list_social_buttons()}


class SignupView(EntrancePage, allauth_views.SignupView):  # type: ignore[misc]
    """Sign up, where the operator lets strangers do so."""

    form_class = SignupForm
    template_name = "accounts/signup.html"
    template_name_signup_closed = "accounts/signup_closed.html"

    def closed(self) -> HttpResponse:
        """Say that one needs an invitation, if invitations work."""
        context = {"by_invitation": get_sign_up() != SignUp.CLOSED}
        return render(self.request, self.template_name_signup_closed, context, status=403)


class PasskeySignupView(SignupView):
    """Sign up without a password: the address is verified first, then a passkey is made."""

    def get_form_kwargs(self) -> Context:
        """Leave out the password."""
        return {**super().get_form_kwargs(), "by_passkey": True}


@method_decorator(never_cache, name="dispatch")
class EmailCodeView(EntrancePage, allauth_views.ConfirmEmailVerificationCodeView):  # type: ignore[misc]
    """Verify an address by the code that was mailed."""

    template_name = "accounts/email_code.html"


@method_decorator(never_cache, name="dispatch")
class PasswordResetView(RefusingView, EntrancePage, allauth_views.PasswordResetView):  # type: ignore[misc]
    """Mail a link to a new password. The response is the same whether or not the address has a user."""

    form_class = ResetForm
    template_name = "accounts/reset.html"

    def form_valid(self, form: ResetForm) -> HttpResponse:
        """Send the mail, within the limits."""
        if wait := rate_limits.count_attempt((rate_limits.RESET_ADDRESS, get_client_key(self.request))):
            form.form_status = FormStatus(429, wait)
            form.add_error(None, rate_limits.format_wait_message(wait, "requests"))
            return self.form_invalid(form)
        email = form.cleaned_data["email"]
        try:
            self.mail_unless_limited(form, email)
        except (OSError, SMTPException):
            form.add_error(None, "The mail could not be sent. Try again later.")
            return self.form_invalid(form)
        context = {"email": email, "max_mails": rate_limits.RESET_EMAIL.maximum}
        return render(self.request, "accounts/reset_sent.html", context)

    def mail_unless_limited(self, form: ResetForm, email: str) -> None:
        """Mail a link unless the user got as many as RESET_EMAIL allows, whose links still work.

        Above the limit the page still answers as if a mail was sent: otherwise strangers could use up the user's limit
        and keep them from resetting the password.
        """
        limit = (rate_limits.RESET_EMAIL, email)
        if rate_limits.count_attempt(limit):
            return
        try:
            form.mail_link(self.request)
        except (OSError, SMTPException):
            rate_limits.undo_attempt(limit)
            raise


@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class PasswordResetFromKeyView(EntrancePage, allauth_views.PasswordResetFromKeyView):  # type: ignore[misc]
    """Set a new password by a mailed link, and log in.

    The token is moved from the address into the session, so that it is in no browser history and no Referer header.
    """

    form_class = NewPasswordForm
    template_name = "accounts/reset_confirm.html"
    reset_user: User | None

    def form_valid(self, form: forms.Form) -> HttpResponse:
        """Whoever opened the link owns the address; what strangers tried is forgotten. Tokens stay, but are shown."""
        assert self.reset_user is not None
        if find_required_connection(self.reset_user) is not None:
            return redirect(f"{reverse('sso_login')}?{urlencode({'email': self.reset_user.email})}")
        user_email_verify(user=self.reset_user)
        if PersonalToken.objects.filter(membership__user=self.reset_user).exists():
            self.request.session[REVIEW_TOKENS] = True
        forget_attempts(self.reset_user)
        response: HttpResponse = super().form_valid(form)
        return response

    def render_to_response(self, context: Context, **options: object) -> HttpResponse:
        """Say that a link does not work, or show the form."""
        if context.get("token_fail"):
            return render(self.request, "accounts/link_dead.html", status=404)
        response: HttpResponse = super().render_to_response(context, **options)
        return response


@method_decorator(never_cache, name="dispatch")
class ReauthenticateView(allauth_views.ReauthenticateView):  # type: ignore[misc]
    """Ask for the password again before a change of how the user logs in."""

    form_class = ReauthenticateForm
    template_name = "accounts/reauthenticate.html"


class SettingsPage:
    """A mixin: the page stands in the user's settings."""

    request: HttpRequest

    def get_context_data(self, **kwargs: object) -> Context:
        """Add the navigation."""
        navigation = {"settings_nav": build_account_navigation(self.request, "security"), "section": "settings"}
        return {**super().get_context_data(**kwargs), **navigation}  # type: ignore[misc]


@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters("password", "current"), name="dispatch")
class PasswordChangeView(RefusingView, SettingsPage, allauth_views.PasswordChangeView):  # type: ignore[misc]
    """Change the user's password; their other sessions end."""

    form_class = ChangePasswordForm
    template_name = "accounts/password.html"


@method_decorator(never_cache, name="dispatch")
@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class PasswordSetView(SettingsPage, allauth_views.PasswordSetView):  # type: ignore[misc]
    """Set the first password of a user who has none."""

    form_class = NewPasswordForm
    template_name = "accounts/password.html"


@method_decorator([never_cache, login_required, reauthentication_required(app="allauth.account")], name="dispatch")
class EmailChangeView(SettingsPage, allauth_views.EmailView):  # type: ignore[misc]
    """Change the address that the user logs in with; the new one is verified by a code first."""

    form_class = EmailChangeForm
    template_name = "accounts/email_change.html"

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Change the address. What else allauth's page can do (choose another stored address) has no rules here."""
        if "action_add" not in request.POST:
            return redirect("account_email")
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response
