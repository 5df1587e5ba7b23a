"""URLs of sign-in, by the names that django-allauth knows; `config.urls` includes them at the root."""

from allauth.account.views import LogoutView
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from allauth.socialaccount.providers.microsoft.views import MicrosoftGraphOAuth2Adapter
from django.urls import URLPattern, path, re_path

from accounts.sign_in import deletion_view, session_views, sso_views, views
from accounts.sign_in import factor_views as factors

urlpatterns: list[URLPattern] = [
    path("login", views.LoginView.as_view(), name="account_login"),
    path("logout", LogoutView.as_view(http_method_names=["post"]), name="account_logout"),
    path("signup", views.SignupView.as_view(), name="account_signup"),
    path("signup/verify", views.EmailCodeView.as_view(), name="account_email_verification_sent"),
    path("password/reset", views.PasswordResetView.as_view(), name="account_reset_password"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)$",
        views.PasswordResetFromKeyView.as_view(),
        name="account_reset_password_from_key",
    ),
    path("me/password", views.PasswordChangeView.as_view(), name="account_change_password"),
    path("me/password/set", views.PasswordSetView.as_view(), name="account_set_password"),
    path("me/email", views.EmailChangeView.as_view(), name="account_email"),
    path("me/confirm", views.ReauthenticateView.as_view(), name="account_reauthenticate"),
    path("me/confirm/code", factors.ConfirmByCodeView.as_view(), name="mfa_reauthenticate"),
    path("me/confirm/passkey", factors.ConfirmByPasskeyView.as_view(), name="mfa_reauthenticate_webauthn"),
    path("me/security", factors.SecurityView.as_view(), name="mfa_index"),
    path("me/security/app", factors.AppAddView.as_view(), name="mfa_activate_totp"),
    path("me/security/app/remove", factors.AppRemoveView.as_view(), name="mfa_deactivate_totp"),
    path("me/security/codes", factors.RecoveryCodesView.as_view(), name="mfa_view_recovery_codes"),
    path("me/security/codes/new", factors.RecoveryCodesNewView.as_view(), name="mfa_generate_recovery_codes"),
    path("me/security/passkeys/new", factors.PasskeyAddView.as_view(), name="mfa_add_webauthn"),
    path(
        "me/security/passkeys/<int:passkey_id>/remove", factors.PasskeyRemoveView.as_view(), name="mfa_remove_webauthn"
    ),
    path("me/delete", deletion_view.delete_user, name="account_delete"),
    path("me/sessions", session_views.show_sessions, name="usersessions_list"),
    path("me/sessions/<int:session_id>/end", session_views.end_session, name="usersessions_end"),
    path("login/passkey", factors.PasskeyLoginView.as_view(), name="mfa_login_webauthn"),
    path("login/second-factor", factors.SecondFactorView.as_view(), name="mfa_authenticate"),
    path("login/sso", sso_views.ask_for_address, name="sso_login"),
    path("login/sso/start", sso_views.start_for_host, name="sso_start"),
    path("login/sso/arrive", sso_views.log_in_after_handover, name="sso_arrive"),
    path("login/sso/<slug:connection>", sso_views.continue_to_provider, name="sso_continue"),
    path("login/sso/<slug:connection>/callback", sso_views.receive_answer, name="sso_callback"),
    path("login/google/callback", sso_views.build_callback("google", GoogleOAuth2Adapter), name="google_callback"),
    path(
        "login/microsoft/callback",
        sso_views.build_callback("microsoft", MicrosoftGraphOAuth2Adapter),
        name="microsoft_callback",
    ),
    path("login/github/callback", sso_views.build_callback("github", GitHubOAuth2Adapter), name="github_callback"),
    path("signup/passkey", views.PasskeySignupView.as_view(), name="account_signup_by_passkey"),
    path("signup/passkey/new", factors.FirstPasskeyView.as_view(), name="mfa_signup_webauthn"),
]
