"""Forms of sign-in: those of django-allauth with the fields of this product.

`form_status` is the HTTP status of the form's page, and how long to wait.
"""

from __future__ import annotations

from typing import NamedTuple

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm, ResetPasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ReauthenticateForm as AllauthReauthenticateForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.forms import LENGTH_HINT, NEW_PASSWORD_INPUT
from accounts.models import SignUp, User
from accounts.security import rate_limits
from accounts.security.hashers import RETRY_SECONDS, HashingBusy
from accounts.security.password_login import TooManyAttempts
from accounts.selectors import get_sign_up
from accounts.services import is_placeholder
from accounts.sso.rules import find_enforced_connection, find_required_connection
from accounts.validators import clean_name, normalize_address

EMAIL_INPUT = forms.EmailInput(attrs={"autocomplete": "username"})
CURRENT_PASSWORD_INPUT = forms.PasswordInput(attrs={"autocomplete": "current-password"})


class FormStatus(NamedTuple):
    """The HTTP status of a form's page; `wait` seconds go into Retry-After (0 = no such header)."""

    status: int
    wait: int


OK_STATUS = FormStatus(200, 0)


def check_no_sso(email: str) -> str:
    """Return the address. Raises ValidationError if its people log in through single sign-on only, be it after the end
    of a suspension."""
    if find_enforced_connection(email, even_suspended=True) is not None:
        raise ValidationError("People with this address log in through single sign-on.")
    return email


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """E-mail and password."""

    field_order = ["email", "password"]
    form_status = OK_STATUS

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["login"]
        self.fields["email"] = forms.EmailField(label="E-mail", widget=EMAIL_INPUT)
        self.fields["password"] = forms.CharField(label="Password", strip=False, widget=CURRENT_PASSWORD_INPUT)
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, object]:
        """Check the password; the reason if it was not checked is in `form_status`."""
        self.cleaned_data["login"] = normalize_address(self.cleaned_data.get("email", ""))
        try:
            cleaned: dict[str, object] = super().clean()
        except TooManyAttempts as error:
            self.form_status = FormStatus(429, error.seconds)
            raise ValidationError(f"{error} Or reset your password: we mail you a link.") from error
        except HashingBusy as error:
            self.form_status = FormStatus(503, RETRY_SECONDS)
            raise ValidationError(str(error)) from error
        return cleaned


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """Name, e-mail, password, and the name of the account that the person will own."""

    name = forms.CharField(label="Your name", max_length=120, required=False)
    account_name = forms.CharField(label="Name of your account", max_length=120, help_text="A company or a person.")
    field_order = ["name", "email", "password1", "account_name"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"] = forms.EmailField(label="E-mail", widget=EMAIL_INPUT)
        if "password1" in self.fields:
            self.fields["password1"] = forms.CharField(
                label="Password", strip=False, widget=NEW_PASSWORD_INPUT, help_text=LENGTH_HINT
            )

    def clean_email(self) -> str:
        """Check that the address is of nobody who logs in through single sign-on."""
        return check_no_sso(str(super().clean_email()))

    def clean_account_name(self) -> str:
        """Check the account's name."""
        return clean_name(self.cleaned_data["account_name"])

    def save(self, request: HttpRequest) -> User:
        """Create user, account and address together."""
        with transaction.atomic():
            user: User = super().save(request)
        return user


class NewPasswordForm(forms.Form):
    """A new password for a user who has opened a mailed link, or has none yet."""

    password = forms.CharField(label="New password", strip=False, widget=NEW_PASSWORD_INPUT, help_text=LENGTH_HINT)
    form_status = OK_STATUS

    def __init__(self, *args: object, user: User | None = None, temp_key: str = "", **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.user = user

    def clean_password(self) -> str:
        """Check that it is strong enough."""
        return str(get_adapter().clean_password(self.cleaned_data["password"], user=self.user))

    def save(self) -> None:
        """Set it."""
        get_adapter().set_password(self.user, self.cleaned_data["password"])


class ChangePasswordForm(NewPasswordForm):
    """The current and a new password of a user who is logged in."""

    current = forms.CharField(label="Current password", strip=False, widget=CURRENT_PASSWORD_INPUT)
    field_order = ["current", "password"]

    def clean_current(self) -> str:
        """Check the current password, unless this user tried too many."""
        assert self.user is not None
        limit = (rate_limits.PASSWORD_USER, str(self.user.pk))
        if wait := rate_limits.count_attempt(limit):
            self.form_status = FormStatus(429, wait)
            raise ValidationError(rate_limits.format_wait_message(wait))
        if not self.user.check_password(self.cleaned_data["current"]):
            raise ValidationError("This is not your current password.")
        rate_limits.clear_attempts(limit)
        return str(self.cleaned_data["current"])


class EmailChangeForm(AddEmailForm):  # type: ignore[misc]
    """A new address."""

    email = forms.EmailField(label="New e-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))

    def clean_email(self) -> str:
        """Check that neither address belongs to single sign-on, which decides what people's addresses are."""
        if find_required_connection(self.user, even_suspended=True) is not None:
            raise ValidationError("Your address comes from single sign-on. Have it changed there.")
        return check_no_sso(str(super().clean_email()))


class ResetForm(ResetPasswordForm):  # type: ignore[misc]
    """The address to which a link to a new password is mailed."""

    email = forms.EmailField(label="E-mail", widget=EMAIL_INPUT)
    form_status = OK_STATUS
    users: list[User]

    def clean_email(self) -> str:
        """Find the users of the address. Where sign-up is closed, nobody who was only invited becomes a user by it."""
        email = normalize_address(str(super().clean_email()))
        if get_sign_up() == SignUp.CLOSED:
            self.users = [user for user in self.users if not is_placeholder(user)]
        return email

    def mail_link(self, request: HttpRequest) -> None:
        """Mail the link if the address has an active user. Raises OSError or SMTPException."""
        self.save(request)


class ReauthenticateForm(AllauthReauthenticateForm):  # type: ignore[misc]
    """The current password, once more."""

    password = forms.CharField(label="Password", strip=False, widget=CURRENT_PASSWORD_INPUT)
