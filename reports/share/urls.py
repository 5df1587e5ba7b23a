"""Addresses of shared links."""

from django.urls import path

from reports.share import views

urlpatterns = [
    path("share/<slug:token>/", views.overview, name="share"),
    path("share/<slug:token>/embed", views.embed, name="share-embed"),
    path("share/<slug:token>/panel/<slug:name>/<slug:tab>", views.panel, name="share-panel"),
    path("sites/<int:site_id>/settings/sharing", views.sharing, name="sharing"),
    path("sites/<int:site_id>/settings/sharing/<int:share_id>/revoke", views.revoke, name="share-revoke"),
]
