"""Pages of passkeys, authenticator apps and recovery codes: django-allauth's views with our templates."""

from __future__ import annotations

from typing import cast

from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as apps
from allauth.mfa.webauthn import views as passkeys
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from accounts.models import User
from accounts.permissions import list_demanding_accounts
from accounts.sign_in.views import Context, EntrancePage, SettingsPage

SECURITY_URL = reverse_lazy("mfa_index")


class PasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """The name of a new passkey; scripts fill in the key itself."""

    name = forms.CharField(label="Name", max_length=60, required=False, help_text="To know it by, such as “Laptop”.")
    passwordless = forms.BooleanField(
        label="Log in with it alone, without a password", required=False, initial=True,
        help_text="Your device then asks for your fingerprint, face or PIN.",
    )  # fmt: skip
    field_order = ["name", "passwordless"]


class ExistingOnly:
    """A mixin: a page about something that the user does not have leads back to the overview."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Redirect instead of 404."""
        try:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except Http404:
            return redirect("mfa_index")
        return response


@method_decorator(never_cache, name="dispatch")
class SecurityView(SettingsPage, base.IndexView):  # type: ignore[misc]
    """How the user signs in: password, passkeys, authenticator app, recovery codes."""

    template_name = "accounts/security/index.html"

    def get_context_data(self, **kwargs: object) -> Context:
        """Name the factors."""
        context = super().get_context_data(**kwargs)
        factors = context["authenticators"]
        assert isinstance(factors, dict)
        return {
            **context,
            "demanding": list_demanding_accounts(cast(User, self.request.user)),
            "app": factors.get(Authenticator.Type.TOTP),
            "passkeys": factors.get(Authenticator.Type.WEBAUTHN, []),
            "codes": factors.get(Authenticator.Type.RECOVERY_CODES),
        }


@method_decorator(never_cache, name="dispatch")
class SecondFactorView(EntrancePage, base.AuthenticateView):  # type: ignore[misc]
    """Ask for the second factor at log-in."""

    template_name = "accounts/security/second_factor.html"


@method_decorator(never_cache, name="dispatch")
class ConfirmByCodeView(base.ReauthenticateView):  # type: ignore[misc]
    """Ask for a code again before a change of how the user logs in."""

    template_name = "accounts/reauthenticate.html"


@method_decorator(never_cache, name="dispatch")
class ConfirmByPasskeyView(passkeys.ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Ask for a passkey again before a change of how the user logs in."""

    template_name = "accounts/security/passkey_confirm.html"


@method_decorator(never_cache, name="dispatch")
class AppAddView(SettingsPage, apps.ActivateTOTPView):  # type: ignore[misc]
    """Set up an authenticator app: a QR code, and a code of the app as proof."""

    template_name = "accounts/security/app_add.html"


@method_decorator(never_cache, name="dispatch")
class AppRemoveView(ExistingOnly, SettingsPage, apps.DeactivateTOTPView):  # type: ignore[misc]
    """Stop asking for the authenticator app."""

    template_name = "accounts/security/app_remove.html"


@method_decorator(never_cache, name="dispatch")
class RecoveryCodesView(ExistingOnly, SettingsPage, codes.ViewRecoveryCodesView):  # type: ignore[misc]
    """Show new recovery codes, once."""

    template_name = "accounts/security/codes.html"


@method_decorator(never_cache, name="dispatch")
class RecoveryCodesNewView(SettingsPage, codes.GenerateRecoveryCodesView):  # type: ignore[misc]
    """Replace the recovery codes."""

    template_name = "accounts/security/codes_new.html"


@method_decorator(never_cache, name="dispatch")
class PasskeyAddView(SettingsPage, passkeys.AddWebAuthnView):  # type: ignore[misc]
    """Add a passkey."""

    form_class = PasskeyForm
    template_name = "accounts/security/passkey_add.html"


@method_decorator(never_cache, name="dispatch")
class PasskeyRemoveView(SettingsPage, passkeys.RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey of the user's own."""

    pk_url_kwarg = "passkey_id"
    success_url = SECURITY_URL
    template_name = "accounts/security/passkey_remove.html"


@method_decorator(never_cache, name="dispatch")
class PasskeyLoginView(passkeys.LoginWebAuthnView):  # type: ignore[misc]
    """Log in by a passkey alone: GET gives scripts the challenge, POST is its answer."""


@method_decorator(never_cache, name="dispatch")
class FirstPasskeyView(EntrancePage, passkeys.SignupWebAuthnView):  # type: ignore[misc]
    """Make the passkey of somebody who signs up with one."""

    template_name = "accounts/security/passkey_first.html"
