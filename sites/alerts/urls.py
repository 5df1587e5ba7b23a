"""URLs of alerts and channels."""

from django.urls import path

from accounts.api.resources import build_routes
from sites.alerts import views
from sites.alerts.api import AlertViews, ChannelViews

app_name = "alerts"
SITE = "sites/<int:site_id>/alerts"
urlpatterns = [
    path(SITE, views.list_alerts, name="list"),
    path(f"{SITE}/new/<slug:condition>", views.edit_alert, name="new"),
    path(f"{SITE}/<int:alert_id>", views.edit_alert, name="edit"),
    path(f"{SITE}/<int:alert_id>/delete", views.delete_alert, name="delete"),
    path(f"{SITE}/channels/new", views.edit_channel, name="channel-new"),
    path(f"{SITE}/channels/<int:channel_id>", views.edit_channel, name="channel-edit"),
    path(f"{SITE}/channels/<int:channel_id>/secret", views.show_channel_secret, name="channel-secret"),
    path(f"{SITE}/channels/<int:channel_id>/test", views.send_test_message, name="channel-test"),
    path(f"{SITE}/channels/<int:channel_id>/ask", views.repeat_confirmation, name="channel-ask"),
    path(f"{SITE}/channels/<int:channel_id>/delete", views.delete_channel, name="channel-delete"),
    path("channels/confirm/<str:token>", views.confirm_channel, name="channel-confirm"),
    path("channels/stop/<str:token>", views.stop_channel, name="channel-stop"),
    *build_routes({"sites/<int:site_id>/alerts": AlertViews, "channels": ChannelViews}),
]
