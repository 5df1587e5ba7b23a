"""URLs of sites; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from sites import api
from sites.views import code, home, keys, settings, team

app_name = "sites"
SETTINGS = "sites/<int:site_id>/settings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.redirect_home, name="home"),
    path("sites/new", home.create_site, name="new"),
    path(SETTINGS, settings.redirect_to_first_page, name="settings"),
    path(f"{SETTINGS}/tracking-code", code.show_tracking_code, name="tracking-code"),
    path(f"{SETTINGS}/tracking-code/first-hit", code.show_first_hit, name="first-hit"),
    path(f"{SETTINGS}/api-keys", keys.list_keys, name="api-keys"),
    path(f"{SETTINGS}/api-keys/show", keys.show_site_keys, name="keys-show"),
    path(f"{SETTINGS}/api-keys/rotate", keys.rotate_site_keys, name="keys-rotate"),
    path(f"{SETTINGS}/api-keys/<int:key_id>/revoke", keys.revoke_key, name="api-key-revoke"),
    path(f"{SETTINGS}/team", team.list_team, name="team"),
    path(f"{SETTINGS}/team/<int:member_id>/remove", team.remove_guest, name="unshare"),
    path(f"{SETTINGS}/domain-check", settings.check_domain, name="domain-check"),
    path(f"{SETTINGS}/delete", settings.delete_site, name="delete"),
    *(path(f"{SETTINGS}/{slug}", settings.edit_settings, {"slug": slug}, name=slug) for slug in settings.FORMS),
    path("api/v1/sites", api.SiteListView.as_view()),
    path("api/v1/sites/<int:site_id>", api.SiteView.as_view()),
    path("api/v1/sites/<int:site_id>/keys", api.SiteKeyListView.as_view()),
    path("api/v1/sites/<int:site_id>/keys/rotate", api.SiteKeysRotationView.as_view()),
    path("api/v1/sites/<int:site_id>/keys/<int:key_id>", api.SiteKeyView.as_view()),
]
