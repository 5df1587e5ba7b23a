"""The app of alerts and their deliveries."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "sites.alerts"
    label = "alerts"
    default_auto_field = "django.db.models.BigAutoField"
