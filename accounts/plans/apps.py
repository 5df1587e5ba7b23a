"""The app of plans and usage."""

from django.apps import AppConfig


class PlansConfig(AppConfig):
    name = "accounts.plans"
    label = "plans"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.plans import audit_subjects  # noqa: F401 - it registers
