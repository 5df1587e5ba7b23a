"""The app of tracked links."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def create_system_domain(**_: object) -> None:
    """Create the row of the installation's own link domain after migrations, so that no page has to."""
    from links.public_urls import update_system_domain

    update_system_domain()


class LinksConfig(AppConfig):
    name = "links"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(create_system_domain, sender=self, dispatch_uid="links.system_domain")
