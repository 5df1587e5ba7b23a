"""Addresses of the dashboard; `reports.urls` includes them."""

from django.urls import path

from reports.pages import details, goals, heatmaps, layouts, ledger, preferences, robots, segments, sites, spy, visitors

urlpatterns = [
    path("sites", sites.site_list, name="sites"),
    path("sites/<int:site_id>/ledger", ledger.ledger, name="ledger"),
    path("sites/<int:site_id>/bots", ledger.bots, name="bots"),
    path("sites/<int:site_id>/bots/people", robots.people, name="bots-people"),
    path("sites/<int:site_id>/visitors/<int:device>/bot", robots.visitor, name="visitor-bot"),
    path("sites/<int:site_id>/visits/<int:visit>/bot", robots.visit, name="visit-bot"),
    path("sites/<int:site_id>/goals", goals.goal_list, name="goals"),
    path("sites/<int:site_id>/goals/new", goals.goal_edit, name="goal-new"),
    path("sites/<int:site_id>/goals/<int:goal_id>", goals.goal_edit, name="goal"),
    path("sites/<int:site_id>/goals/<int:goal_id>/remove", goals.goal_remove, name="goal-remove"),
    path("sites/<int:site_id>/spy", spy.spy, name="spy"),
    path("sites/<int:site_id>/spy/stream", spy.stream, name="spy-stream"),
    path("sites/<int:site_id>/visitors", visitors.visitors, name="visitors"),
    path("sites/<int:site_id>/visitors/<int:device>", visitors.visitor, name="visitor"),
    path("sites/<int:site_id>/visits/<int:visit>", visitors.one_visit, name="visit"),
    path("sites/<int:site_id>/heatmaps", heatmaps.heatmap_list, name="heatmaps"),
    path("sites/<int:site_id>/heatmaps/page", heatmaps.heatmap, name="heatmap"),
    path("sites/<int:site_id>/settings/heatmaps", heatmaps.heatmap_settings, name="heatmap-settings"),
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
