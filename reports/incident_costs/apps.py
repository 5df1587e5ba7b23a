"""Configuration of the app."""

from django.apps import AppConfig


class IncidentCostsConfig(AppConfig):
    name = "reports.incident_costs"
    default_auto_field = "django.db.models.BigAutoField"
