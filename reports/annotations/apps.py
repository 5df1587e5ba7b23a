"""Configuration of the app."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    name = "reports.annotations"
    default_auto_field = "django.db.models.BigAutoField"
