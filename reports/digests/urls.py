"""URLs of digests."""

from django.urls import path

from accounts.api.resources import build_routes
from reports.digests import views
from reports.digests.api import DigestViews

app_name = "digests"
urlpatterns = [
    path("digests", views.digests, name="list"),
    path("digests/<int:subscription_id>/delete", views.digest_delete, name="delete"),
    path("digests/stop/<str:token>", views.unsubscribe, name="stop"),
    path("sites/<int:site_id>/digest/<str:frequency>", views.preview, name="preview"),
    *build_routes({"digests": DigestViews}),
]
