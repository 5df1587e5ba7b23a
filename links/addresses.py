"""The addresses that belong to a link: where it is clicked, where its pictures and codes are."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from links import known
from links.models import Datapoint, Domain, DomainKind


def base() -> str:
    """Scheme and host (with port) of the installation's own links."""
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{settings.LINK_DOMAIN}" if settings.LINK_DOMAIN else settings.BASE_URL


def tracking_url(datapoint: Datapoint, domain: Domain | None = None) -> str:
    """The whole address of a link or pixel."""
    domain = domain or datapoint.domain
    if domain.name == known.system_host():
        return f"{base()}/{datapoint.alias}" if settings.LINK_DOMAIN else f"{base()}/l/{datapoint.alias}"
    return f"{urlsplit(settings.BASE_URL).scheme}://{domain.name}/{datapoint.alias}"


def system_domain() -> Domain:
    """The installation's own link domain; its row is made when it is first needed."""
    name = known.system_host()
    found = Domain.objects.filter(name=name).first()
    if found is None:
        found = Domain(name=name, kind=DomainKind.SYSTEM)
        found.save()
    return found
