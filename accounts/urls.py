"""URLs of the accounts app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from accounts.api import brand
from accounts.api import views as api
from accounts.api.audit_log import AuditEntries
from accounts.api.exports import ExportViews
from accounts.api.installation import InstallationAccountViews, PlanViews
from accounts.api.invitations import InvitationViews
from accounts.api.notices import NoticeChoices, NoticeViews, ReadNotices
from accounts.api.resources import build_routes
from accounts.api.sso import SsoDetail, SsoDomainViews, SsoTest
from accounts.views import (
    account,
    brand_settings,
    branding,
    changelog,
    exports,
    invitations,
    notices,
    one_time_links,
    personal_tokens,
    sso,
    team,
)
from accounts.views.audit_log import show_audit_log

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("brand.css", branding.serve_brand_stylesheet, name="brand-stylesheet"),
    path("brand/<slug:kind>.png", branding.serve_brand_file, name="brand-file"),
    path("setup", one_time_links.show_setup_hint, name="setup-hint"),
    path("setup/<str:token>", one_time_links.set_up_installation, name="setup"),
    path("join/<str:token>", one_time_links.join_account, name="join"),
    path("settings", account.redirect_to_settings, name="settings"),
    path("me", account.edit_profile, name="me"),
    path("me/tokens", personal_tokens.list_tokens, name="tokens"),
    path("me/tokens/review", personal_tokens.review_tokens, name="tokens-review"),
    path("me/tokens/<int:token_id>/revoke", personal_tokens.revoke_token, name="token-revoke"),
    path("changelog", changelog.show_changelog, name="changelog"),
    path("changelog/read", changelog.mark_changelog, name="changelog-read"),
    path("exports", exports.list_exports, name="exports"),
    path("exports/<int:export_id>/delete", exports.delete_export, name="export-delete"),
    path("exports/<str:token>/file", exports.download_export, name="export-file"),
    path("notices", notices.list_notices, name="notices"),
    path("notices/read", notices.mark_all_notices, name="notices-read"),
    path("notices/choices", notices.choose_notices, name="notice-choices"),
    path("notices/<int:notice_id>/open", notices.open_notice, name="notice-open"),
    path("notices/<int:notice_id>/read", notices.mark_notice, name="notice-read"),
    path("account", account.edit_account, name="account"),
    path("account/key", account.show_account_key, name="account-key"),
    path("account/second-factor", account.set_second_factor, name="account-second-factor"),
    path("account/own-key", account.show_own_key, name="own-key"),
    path("account/brand", brand_settings.edit_brand, name="account-brand"),
    path("account/brand/check", brand_settings.check_brand_hosts, name="account-brand-check"),
    path("account/brand/files/<slug:kind>", brand_settings.change_brand_file, name="account-brand-file"),
    path("account/brand/preview", brand_settings.preview_brand, name="account-brand-preview"),
    path("account/brand/preview.css", brand_settings.serve_preview_stylesheet, name="account-brand-preview-css"),
    path("account/audit-log", show_audit_log, name="audit-log"),
    path("account/sso", sso.edit_sso, name="sso"),
    path("account/sso/remove", sso.remove_sso, name="sso-remove"),
    path("account/sso/test", sso.test_sso, name="sso-test"),
    path("account/sso/enforce", sso.enforce_sso, name="sso-enforce"),
    path("account/sso/domains", sso.add_sso_domain, name="sso-domains"),
    path("account/sso/domains/<int:email_domain_id>/check", sso.check_sso_domain, name="sso-domain-check"),
    path("account/sso/domains/<int:email_domain_id>/remove", sso.remove_sso_domain, name="sso-domain-remove"),
    path("account/switch", account.switch_to_account, name="account-switch"),
    path("account/team", team.manage_team, name="team"),
    path("account/team/<int:member_id>", team.edit_member, name="member"),
    path("account/team/<int:member_id>/remove", team.remove_member, name="member-remove"),
    path("account/team/<int:pending_id>/invite", invitations.invite_guest, name="member-invite"),
    path("account/team/keys/<int:exposed_id>/replace", team.replace_exposed_key, name="exposed-key-replace"),
    path("account/team/keys/<int:exposed_id>/dismiss", team.dismiss_exposed_key, name="exposed-key-dismiss"),
    path("account/invitations", invitations.show_invitations, name="invitations"),
    path("account/invitations/<int:invitation_id>/resend", invitations.resend_invitation, name="invitation-resend"),
    path("account/invitations/<int:invitation_id>/link", invitations.show_invitation_link, name="invitation-link"),
    path("account/invitations/<int:invitation_id>/revoke", invitations.revoke_invitation, name="invitation-revoke"),
    path("api/v1/me", api.CurrentMember.as_view()),
    path("api/v1/account", api.AccountDetail.as_view()),
    path("api/v1/members", api.Members.as_view()),
    path("api/v1/members/<int:member_id>", api.MemberDetail.as_view()),
    path("api/v1/audit-log", AuditEntries.as_view()),
    path("api/v1/brand", brand.BrandDetail.as_view()),
    path("api/v1/brand/check", brand.BrandCheck.as_view()),
    path("api/v1/brand/files/<slug:kind>", brand.BrandFileViews.as_view()),
    path("api/v1/notices/read", ReadNotices.as_view()),
    path("api/v1/notice-choices", NoticeChoices.as_view()),
    path("api/v1/sso", SsoDetail.as_view()),
    path("api/v1/sso/test", SsoTest.as_view()),
    *build_routes({"sso/domains": SsoDomainViews}),
    *build_routes({"invitations": InvitationViews, "notices": NoticeViews, "exports": ExportViews}),
    *build_routes({"installation/plans": PlanViews, "installation/accounts": InstallationAccountViews}),
    path("api/v1/exposed-keys", api.ExposedKeys.as_view()),
    path("api/v1/exposed-keys/<int:exposed_id>/replace", api.ExposedKeyReplacement.as_view()),
    path("api/v1/exposed-keys/<int:exposed_id>", api.ExposedKeyDetail.as_view()),
]
