"""The switchboard as an app: it registers what lower rooms must learn from higher ones, and the system checks."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Footfall"

    def ready(self) -> None:
        from config import checks, registrations  # noqa: F401
