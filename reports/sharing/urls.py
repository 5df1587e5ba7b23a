"""Addresses of shared links: the report's pages, the same for frames on other sites, and a site's list of links."""

from django.urls import path

from accounts.api.resources import build_routes
from reports.dashboard.views.details import details
from reports.dashboard.views.graph_image import graph_svg
from reports.dashboard.views.reports import overview, panel
from reports.sharing.api import ShareViews
from reports.sharing.views import framed_overview, framed_page, revoke, share_page, shared_report, sharing

app_name = "sharing"
urlpatterns = [
    path("stats/wp-iframe", framed_overview, name="frame"),
    path("share/<slug:token>/", shared_report, name="overview"),
    path("share/<slug:token>/embed", framed_page(overview), name="embed"),
    path("share/<slug:token>/embed/", framed_page(overview), name="embed-home"),
    path("share/<slug:token>/panel/<slug:name>/<slug:tab>", share_page(panel), name="panel"),
    path("share/<slug:token>/embed/panel/<slug:name>/<slug:tab>", framed_page(panel), name="embed-panel"),
    path("share/<slug:token>/details/<path:name>", share_page(details), name="details"),
    path("share/<slug:token>/embed/details/<path:name>", framed_page(details), name="embed-details"),
    path("share/<slug:token>/graph.svg", share_page(graph_svg), name="graph-svg"),
    path("share/<slug:token>/embed/graph.svg", framed_page(graph_svg), name="embed-graph-svg"),
    path("sites/<int:site_id>/settings/sharing", sharing, name="settings"),
    path("sites/<int:site_id>/settings/sharing/<int:share_id>/revoke", revoke, name="revoke"),
    *build_routes({"sites/<int:site_id>/shares": ShareViews}),
]
