"""URLs of sign-in, by the names that django-allauth knows; `config.urls` includes them at the root."""

from allauth.account.views import LogoutView
from django.urls import URLPattern, path, re_path

from accounts.sign_in import views

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
]
