"""URLs of digests."""

from django.urls import path

from reports.digests import views

urlpatterns = [
    path("digests", views.digests, name="digests"),
    path("digests/<int:subscription_id>/delete", views.digest_delete, name="digest-delete"),
    path("digests/stop/<str:token>", views.unsubscribe, name="digest-stop"),
    path("sites/<int:site_id>/digest/<str:frequency>", views.preview, name="digest-preview"),
]
