"""Addresses of shared links."""

from django.urls import path

from reports.share import views

urlpatterns = [
    path("share/<slug:token>/", views.overview, name="share"),
    path("share/<slug:token>/embed", views.embed, name="share-embed"),
    path("share/<slug:token>/embed/", views.embed, name="share-embed-home"),
    path("share/<slug:token>/panel/<slug:name>/<slug:tab>", views.panel, name="share-panel"),
    path(
        "share/<slug:token>/embed/panel/<slug:name>/<slug:tab>", views.embedded(views.panel), name="share-embed-panel"
    ),
    path("share/<slug:token>/details/<path:name>", views.details, name="share-details"),
    path("share/<slug:token>/embed/details/<path:name>", views.framed_details, name="share-embed-details"),
    path("share/<slug:token>/graph.svg", views.graph_svg, name="share-graph-svg"),
    path("share/<slug:token>/embed/graph.svg", views.framed_graph_svg, name="share-embed-graph-svg"),
    path("sites/<int:site_id>/settings/sharing", views.sharing, name="sharing"),
    path("sites/<int:site_id>/settings/sharing/<int:share_id>/revoke", views.revoke, name="share-revoke"),
]
