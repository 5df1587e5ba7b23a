"""Addresses of shared links."""

from django.urls import path

from reports.sharing.clicky_frame import framed_overview
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

urlpatterns = [
    path("stats/wp-iframe", framed_overview, name="clicky-frame"),
    path("share/<slug:token>/", overview, name="share"),
    path("share/<slug:token>/embed", embed, name="share-embed"),
    path("share/<slug:token>/embed/", embed, name="share-embed-home"),
    path("share/<slug:token>/panel/<slug:name>/<slug:tab>", panel, name="share-panel"),
    path("share/<slug:token>/embed/panel/<slug:name>/<slug:tab>", embedded(panel), name="share-embed-panel"),
    path("share/<slug:token>/details/<path:name>", details, name="share-details"),
    path("share/<slug:token>/embed/details/<path:name>", framed_details, name="share-embed-details"),
    path("share/<slug:token>/graph.svg", graph_svg, name="share-graph-svg"),
    path("share/<slug:token>/embed/graph.svg", framed_graph_svg, name="share-embed-graph-svg"),
    path("sites/<int:site_id>/settings/sharing", sharing, name="sharing"),
    path("sites/<int:site_id>/settings/sharing/<int:share_id>/revoke", revoke, name="share-revoke"),
]
