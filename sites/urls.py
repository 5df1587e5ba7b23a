"""Addresses of the sites room; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from sites import api
from sites.views import code, home, keys, settings, team

SETTINGS = "sites/<int:site_id>/settings"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("sites/new", home.site_new, name="site-new"),
    path(SETTINGS, settings.start, name="site-settings-start"),
    path(f"{SETTINGS}/tracking-code", code.tracking_code, name="site-tracking-code"),
    path(f"{SETTINGS}/tracking-code/first-hit", code.first_hit, name="site-first-hit"),
    path(f"{SETTINGS}/api-keys", keys.keys, name="site-api-keys"),
    path(f"{SETTINGS}/api-keys/show", keys.show, name="site-keys-show"),
    path(f"{SETTINGS}/api-keys/rotate", keys.rotate, name="site-keys-rotate"),
    path(f"{SETTINGS}/api-keys/<int:key_id>/revoke", keys.revoke, name="api-key-revoke"),
    path(f"{SETTINGS}/team", team.team, name="site-team"),
    path(f"{SETTINGS}/team/<int:member_id>/remove", team.unshare, name="site-unshare"),
    path(f"{SETTINGS}/domain-check", settings.check_domain, name="site-domain-check"),
    path(f"{SETTINGS}/delete", settings.delete, name="site-delete"),
    *(path(f"{SETTINGS}/{slug}", settings.page, {"slug": slug}, name=f"site-{slug}") for slug in settings.FORMS),
    path("api/v1/sites", api.Sites.as_view()),
    path("api/v1/sites/<int:site_id>", api.SiteDetail.as_view()),
    path("api/v1/sites/<int:site_id>/keys", api.Keys.as_view()),
    path("api/v1/sites/<int:site_id>/keys/rotate", api.KeysRotate.as_view()),
    path("api/v1/sites/<int:site_id>/keys/<int:key_id>", api.KeyDetail.as_view()),
]
