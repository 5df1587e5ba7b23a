"""Addresses of the pages of alerts."""

from django.urls import path

from sites.alerts import consent, views

SITE = "sites/<int:site_id>/alerts"
urlpatterns = [
    path(SITE, views.alerts, name="alerts"),
    path(f"{SITE}/new/<slug:condition>", views.alert_edit, name="alert-new"),
    path(f"{SITE}/<int:alert_id>", views.alert_edit, name="alert-edit"),
    path(f"{SITE}/<int:alert_id>/delete", views.alert_delete, name="alert-delete"),
    path(f"{SITE}/channels/new", views.channel_edit, name="channel-new"),
    path(f"{SITE}/channels/<int:channel_id>", views.channel_edit, name="channel-edit"),
    path(f"{SITE}/channels/<int:channel_id>/secret", views.channel_secret, name="channel-secret"),
    path(f"{SITE}/channels/<int:channel_id>/test", views.channel_test, name="channel-test"),
    path(f"{SITE}/channels/<int:channel_id>/ask", views.channel_ask, name="channel-ask"),
    path(f"{SITE}/channels/<int:channel_id>/delete", views.channel_delete, name="channel-delete"),
    path("channels/confirm/<str:token>", consent.confirm, name="channel-confirm"),
    path("channels/stop/<str:token>", consent.stop, name="channel-stop"),
]
