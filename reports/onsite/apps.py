"""Configuration of the app."""

from django.apps import AppConfig


class OnsiteConfig(AppConfig):
    name = "reports.onsite"
    default_auto_field = "django.db.models.BigAutoField"
