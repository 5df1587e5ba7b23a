"""Addresses of the accounts room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from accounts import api
from accounts.operations.views import operations, sent_letter, sent_mail, sent_mails
from accounts.views import account, entry, invited, team

urlpatterns: list[URLPattern | URLResolver] = [
    path("login", entry.log_in, name="login"),
    path("logout", entry.log_out, name="logout"),
    path("password/reset", entry.reset, name="reset"),
    path("password/reset/<str:uid>/<str:token>", entry.reset_confirm, name="reset-confirm"),
    path("brand.css", entry.brand_stylesheet, name="brand-stylesheet"),
    path("setup", invited.setup_hint, name="setup-hint"),
    path("setup/<str:token>", invited.setup, name="setup"),
    path("join/<str:token>", invited.join, name="join"),
    path("settings", account.settings_start, name="settings"),
    path("me", account.me, name="me"),
    path("me/password", account.password, name="password"),
    path("operations", operations, name="operations"),
    path("operations/mail", sent_mails, name="sent-mails"),
    path("operations/mail/<str:name>/<int:place>", sent_mail, name="sent-mail"),
    path("operations/mail/<str:name>/<int:place>/letter", sent_letter, name="sent-letter"),
    path("account", account.account_settings, name="account"),
    path("account/key", account.account_key, name="account-key"),
    path("account/own-key", account.own_key, name="own-key"),
    path("account/brand", account.account_brand, name="account-brand"),
    path("account/brand/check", account.account_brand_check, name="account-brand-check"),
    path("account/switch", account.account_switch, name="account-switch"),
    path("account/team", team.team, name="team"),
    path("account/team/<int:member_id>", team.member, name="member"),
    path("account/team/<int:member_id>/remove", team.remove, name="member-remove"),
    path("account/team/<int:pending_id>/invite", team.invite_again, name="member-invite"),
    path("account/team/keys/<int:exposed_id>/replace", team.key_replace, name="exposed-key-replace"),
    path("account/team/keys/<int:exposed_id>/dismiss", team.key_dismiss, name="exposed-key-dismiss"),
    path("account/invitations/<int:invitation_id>/renew", team.renew, name="invitation-renew"),
    path("account/invitations/<int:invitation_id>/revoke", team.revoke, name="invitation-revoke"),
    path("api/v1/me", api.Me.as_view()),
    path("api/v1/account", api.AccountDetail.as_view()),
    path("api/v1/members", api.Members.as_view()),
    path("api/v1/members/<int:member_id>", api.MemberDetail.as_view()),
    path("api/v1/exposed-keys", api.ExposedKeys.as_view()),
    path("api/v1/exposed-keys/<int:exposed_id>", api.ExposedKeyDetail.as_view()),
]
