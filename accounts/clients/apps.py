"""The app of accounts of clients."""

from django.apps import AppConfig


class ClientsConfig(AppConfig):
    name = "accounts.clients"
    label = "clients"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.clients import audit_subjects  # noqa: F401 - it registers
