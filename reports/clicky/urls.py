"""URLs of the Clicky dialect, including its older ones."""

from django.urls import path, re_path
from django.views.generic import RedirectView

from reports.clicky import account, deeplinks, views, whitelabel

urlpatterns = [
    re_path(r"^api/stats/(?P<version>[1-4])/?$", views.stats, name="clicky-stats"),
    re_path(r"^stats/api(?P<version>[1-4])/?$", views.stats, name="clicky-stats-old"),
    re_path(r"^api/account/sites/?$", account.account_sites, name="clicky-sites"),
    path("api/whitelabel/<path:operation>", whitelabel.whitelabel, name="clicky-whitelabel"),
    re_path(r"^media/flags/(?P<country>[A-Za-z]{2})\.gif$", deeplinks.flag, name="clicky-flag"),
    path("stats/", deeplinks.stats, name="clicky-link-home"),
    path("stats/<slug:page>", deeplinks.stats, name="clicky-link"),
    re_path(r"^user/?$", RedirectView.as_view(pattern_name="me"), name="clicky-link-user"),
    re_path(r"^help/(?:api/?)?$", RedirectView.as_view(url="/docs/clicky"), name="clicky-link-help"),
    path("user/preferences/<slug:page>", deeplinks.preferences, name="clicky-link-preferences"),
    re_path(r"^(?P<site_id>[1-9]\d{4,17})$", deeplinks.site_home, name="clicky-link-site"),
]
