"""Addresses of the widget and its page in the settings; `tracking.collector` answers the badge's script."""

from django.urls import path

from accounts.api.resources import build_routes
from reports.onsite import views
from reports.onsite.api import OpenWidgetViews
from reports.onsite.settings_page import close_widget, widget_settings

app_name = "onsite"
WIDGET = "widget/<int:site_id>"
urlpatterns = [
    path("widget/logged-in", views.confirm_login, name="logged-in"),
    path(f"{WIDGET}/open", views.open_window, name="window"),
    path(f"{WIDGET}/grant", views.grant_code, name="grant"),
    path(f"{WIDGET}/frame", views.serve_frame, name="frame"),
    path(f"{WIDGET}/token", views.exchange_code, name="token"),
    path(f"{WIDGET}/online", views.show_online, name="online"),
    path(f"{WIDGET}/page", views.show_page, name="page"),
    path(f"{WIDGET}/visitors", views.show_visitors, name="visitors"),
    path(f"{WIDGET}/heatmap", views.show_heatmap, name="heatmap"),
    path(f"{WIDGET}/close", views.close, name="close"),
    path("sites/<int:site_id>/settings/widget", widget_settings, name="settings"),
    path("sites/<int:site_id>/settings/widget/<int:widget_id>/close", close_widget, name="close-from-settings"),
    *build_routes({"sites/<int:site_id>/open-widgets": OpenWidgetViews}),
]
