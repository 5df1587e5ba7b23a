"""Addresses of shared links."""

from django.urls import path

from reports.sharing.views import (
    details,
    embed,
    embedded,
    framed_details,
    framed_graph_svg,
    graph_svg,
    overview,
    panel,
    revoke,
    sharing,
)

app_name = "sharing"
urlpatterns = [
    path("share/<slug:token>/", overview, name="overview"),
    path("share/<slug:token>/embed", embed, name="embed"),
    path("share/<slug:token>/embed/", embed, name="embed-home"),
    path("share/<slug:token>/panel/<slug:name>/<slug:tab>", panel, name="panel"),
    path("share/<slug:token>/embed/panel/<slug:name>/<slug:tab>", embedded(panel), name="embed-panel"),
    path("share/<slug:token>/details/<path:name>", details, name="details"),
    path("share/<slug:token>/embed/details/<path:name>", framed_details, name="embed-details"),
    path("share/<slug:token>/graph.svg", graph_svg, name="graph-svg"),
    path("share/<slug:token>/embed/graph.svg", framed_graph_svg, name="embed-graph-svg"),
    path("sites/<int:site_id>/settings/sharing", sharing, name="settings"),
    path("sites/<int:site_id>/settings/sharing/<int:share_id>/revoke", revoke, name="revoke"),
]
