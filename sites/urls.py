"""URLs of sites; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from sites import api
from sites.views import api_keys, new_site, site_settings, site_team

app_name = "sites"
SETTINGS = "sites/<int:site_id>/settings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", new_site.redirect_home, name="home"),
    path("sites/new", new_site.create_site, name="new"),
    path(SETTINGS, site_settings.redirect_to_first_page, name="settings"),
    path(f"{SETTINGS}/tracking-code", new_site.show_tracking_code, name="tracking-code"),
    path(f"{SETTINGS}/tracking-code/first-hit", new_site.show_first_hit, name="first-hit"),
    path(f"{SETTINGS}/api-keys", api_keys.list_keys, name="api-keys"),
    path(f"{SETTINGS}/api-keys/show", api_keys.show_site_keys, name="keys-show"),
    path(f"{SETTINGS}/api-keys/rotate", api_keys.rotate_site_keys, name="keys-rotate"),
    path(f"{SETTINGS}/api-keys/<int:key_id>/revoke", api_keys.revoke_key, name="api-key-revoke"),
    path(f"{SETTINGS}/team", site_team.list_team, name="team"),
    path(f"{SETTINGS}/team/<int:member_id>/remove", site_team.remove_guest, name="unshare"),
    path(f"{SETTINGS}/domain-check", site_settings.check_domain, name="domain-check"),
    path(f"{SETTINGS}/delete", site_settings.delete_site, name="delete"),
    *(
        path(f"{SETTINGS}/{slug}", site_settings.edit_settings, {"slug": slug}, name=slug)
        for slug in site_settings.FORMS
    ),
    path("api/v1/sites", api.SiteListView.as_view()),
    path("api/v1/sites/<int:site_id>", api.SiteView.as_view()),
    path("api/v1/sites/<int:site_id>/domain-check", api.DomainCheck.as_view()),
    path("api/v1/sites/<int:site_id>/keys", api.SiteKeyListView.as_view()),
    path("api/v1/sites/<int:site_id>/keys/rotate", api.SiteKeysRotationView.as_view()),
    path("api/v1/sites/<int:site_id>/keys/<int:key_id>", api.SiteKeyView.as_view()),
]
