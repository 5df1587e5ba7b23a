"""Addresses of the dashboard; `reports.urls` includes them."""

from django.urls import path

from reports.pages import details, layouts, ledger, preferences, segments, sites

urlpatterns = [
    path("sites", sites.site_list, name="sites"),
    path("sites/<int:site_id>/ledger", ledger.ledger, name="ledger"),
    path("sites/<int:site_id>/bots", ledger.bots, name="bots"),
    path("theme", preferences.theme, name="theme"),
    path("keys", preferences.keys, name="keys"),
    path("go", preferences.go, name="go"),
    path("sites/<int:site_id>/", layouts.overview, name="overview"),
    path("sites/<int:site_id>/content", layouts.content, name="content"),
    path("sites/<int:site_id>/sources", layouts.sources, name="sources"),
    path("sites/<int:site_id>/panel/<slug:name>/<slug:tab>", layouts.panel, name="panel"),
    path("sites/<int:site_id>/details/<path:name>", details.details, name="details"),
    path("sites/<int:site_id>/segments", segments.save, name="segment-save"),
    path("sites/<int:site_id>/segments/<int:segment_id>/forget", segments.forget, name="segment-forget"),
]
