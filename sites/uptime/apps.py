"""The app of monitors and incidents."""

from django.apps import AppConfig


class UptimeConfig(AppConfig):
    name = "sites.uptime"
    label = "uptime"
    default_auto_field = "django.db.models.BigAutoField"
