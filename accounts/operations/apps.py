"""The app of the installation's operation: periodic tasks and the operator's pages."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "accounts.operations"
    label = "operations"
    default_auto_field = "django.db.models.BigAutoField"
