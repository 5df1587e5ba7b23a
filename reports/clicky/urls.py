"""URLs of the Clicky dialect, including its older ones."""

from django.urls import path, re_path, reverse_lazy
from django.views.generic import RedirectView

from reports.clicky import deeplinks
from reports.clicky.account_views import AccountSitesView
from reports.clicky.views import StatsView
from reports.clicky.whitelabel import WhitelabelView

app_name = "clicky"
urlpatterns = [
    re_path(r"^(?:api/stats/|stats/api)[1-4]/?$", StatsView.as_view(), name="stats"),
    re_path(r"^api/account/sites/?$", AccountSitesView.as_view(), name="sites"),
    re_path(r"^api/whitelabel/(?P<operation>[\s\S]+)$", WhitelabelView.as_view(), name="whitelabel"),
    re_path(r"^media/flags/(?P<country>[A-Za-z]{2})\.gif$", deeplinks.flag, name="flag"),
    path("stats/", deeplinks.stats, name="link-home"),
    path("stats/<slug:page>", deeplinks.stats, name="link"),
    re_path(r"^user/?$", RedirectView.as_view(pattern_name="accounts:me"), name="link-user"),
    re_path(
        r"^help/(?:api/?)?$",
        RedirectView.as_view(url=reverse_lazy("reports:docs-page", args=["clicky"])),
        name="link-help",
    ),
    path("user/preferences/<slug:page>", deeplinks.preferences, name="link-preferences"),
    re_path(
        r"^(?P<site_id>[1-9]\d{4,17})$",  # where the badge leads
        RedirectView.as_view(pattern_name="dashboard:overview", http_method_names=["get", "head"]),
        name="link-site",
    ),
]
