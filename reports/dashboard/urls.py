"""Addresses of the dashboard; `reports.urls` includes them.

Views that several scopes have are made pages of a scope here, the others where they are defined.
"""

from django.urls import include, path

from reports.dashboard.report_page import site_page
from reports.dashboard.views.bot_overrides import quarantine_visit, quarantine_visitor, restore_people
from reports.dashboard.views.details import details
from reports.dashboard.views.experiments import experiment_list
from reports.dashboard.views.explain import explain
from reports.dashboard.views.graph_image import graph_svg
from reports.dashboard.views.heatmaps import heatmap, heatmap_list, heatmap_settings
from reports.dashboard.views.ingestion_audit import bots, ingestion_audit
from reports.dashboard.views.journeys import journey_report
from reports.dashboard.views.portfolio import portfolio_page, portfolio_report
from reports.dashboard.views.preferences import go, keyboard_shortcuts, theme
from reports.dashboard.views.reports import content, overview, panel, sources
from reports.dashboard.views.retention import retention_report
from reports.dashboard.views.site_list import site_list
from reports.dashboard.views.spy import spy, stream
from reports.dashboard.views.visitors import single_visit, visitor, visitors

app_name = "dashboard"
urlpatterns = [
    path("", include("reports.dashboard.goals.urls")),
    path("sites", site_list, name="sites"),
    path("sites/all", portfolio_report, name="rollup"),
    path("sites/all/explain", portfolio_page(explain), name="rollup-explain"),
    path("sites/all/graph.svg", portfolio_page(graph_svg), name="rollup-graph-svg"),
    path("sites/all/panel/<slug:name>/<slug:tab>", portfolio_page(panel), name="rollup-panel"),
    path("sites/<int:site_id>/ledger", ingestion_audit, name="ledger"),
    path("sites/<int:site_id>/bots", bots, name="bots"),
    path("sites/<int:site_id>/bots/people", restore_people, name="bots-people"),
    path("sites/<int:site_id>/visitors/<int:device>/bot", quarantine_visitor, name="visitor-bot"),
    path("sites/<int:site_id>/visits/<int:visit>/bot", quarantine_visit, name="visit-bot"),
    path("sites/<int:site_id>/journeys", journey_report, name="journeys"),
    path("sites/<int:site_id>/retention", retention_report, name="retention"),
    path("sites/<int:site_id>/splits", experiment_list, name="splits"),
    path("sites/<int:site_id>/spy", spy, name="spy"),
    path("sites/<int:site_id>/spy/stream", stream, name="spy-stream"),
    path("sites/<int:site_id>/visitors", visitors, name="visitors"),
    path("sites/<int:site_id>/visitors/<int:device>", visitor, name="visitor"),
    path("sites/<int:site_id>/visits/<int:visit>", single_visit, name="visit"),
    path("sites/<int:site_id>/heatmaps", heatmap_list, name="heatmaps"),
    path("sites/<int:site_id>/heatmaps/page", heatmap, name="heatmap"),
    path("sites/<int:site_id>/settings/heatmaps", heatmap_settings, name="heatmap-settings"),
    path("theme", theme, name="theme"),
    path("keys", keyboard_shortcuts, name="keyboard-shortcuts"),
    path("go", go, name="go"),
    path("sites/<int:site_id>/", site_page(overview), name="overview"),
    path("sites/<int:site_id>/graph.svg", site_page(graph_svg), name="graph-svg"),
    path("sites/<int:site_id>/explain", site_page(explain), name="explain"),
    path("sites/<int:site_id>/content", site_page(content), name="content"),
    path("sites/<int:site_id>/sources", site_page(sources), name="sources"),
    path("sites/<int:site_id>/panel/<slug:name>/<slug:tab>", site_page(panel), name="panel"),
    path("sites/<int:site_id>/details/<path:name>", site_page(details), name="details"),
]
