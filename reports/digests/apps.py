"""Configuration of the app."""

from django.apps import AppConfig


class DigestsConfig(AppConfig):
    name = "reports.digests"
    default_auto_field = "django.db.models.BigAutoField"
