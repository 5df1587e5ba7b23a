"""Public addresses: the URL of a link or pixel, and the host of the installation's own links."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts.host_names import is_public_host, normalize_host
from links.models import Datapoint, Domain, DomainKind
from links.routing import link_cache

log = logging.getLogger(__name__)


def get_links_base_url() -> str:
    """Return scheme and host (with port) of the installation's own links."""
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{settings.LINK_DOMAIN}" if link_cache.has_link_domain() else settings.BASE_URL


def build_tracking_url(datapoint: Datapoint, domain: Domain | None = None) -> str:
    """Build the full URL of a link or pixel."""
    domain = domain or datapoint.domain
    if domain.account_id is None and domain.name == link_cache.get_system_host():
        return (
            f"{get_links_base_url()}/{datapoint.alias}"
            if link_cache.has_link_domain()
            else f"{get_links_base_url()}/l/{datapoint.alias}"
        )
    return f"{urlsplit(settings.BASE_URL).scheme}://{domain.name}/{datapoint.alias}"


def get_system_domain() -> Domain:
    """Return the installation's own link domain; its row is created when it is first needed.

    If the installation's host name has changed, the domain is renamed and its links move with it.
    """
    name = link_cache.get_system_host()
    return Domain.objects.filter(account=None, name=name).exclude(kind=DomainKind.GO).first() or _rename_system_domain(
        name
    )


def is_former_link_domain(host: str) -> bool:
    """Return whether this host is or was the installation's link domain, so that its links still work."""
    return Domain.objects.filter(account=None, name=host).exists()


def update_system_domain() -> None:
    """Rename the system domain at once when the installation starts under another host name."""
    try:
        get_system_domain()
    except DatabaseError as error:
        log.warning("the link domain keeps its old name until the database is available: %s", error)


@transaction.atomic
def _rename_system_domain(name: str) -> Domain:
    own = Domain.objects.select_for_update().filter(account=None, kind=DomainKind.SYSTEM).order_by("pk").first()
    own = own or Domain(kind=DomainKind.SYSTEM)
    Domain.objects.filter(account=None, name=name).delete()  # a former name becomes the present one again
    former, own.name = own.name, name
    own.save()
    if settings.LINK_DOMAIN and is_public_host(former) and former != normalize_host(settings.BASE_URL):
        Domain.objects.create(name=former, kind=DomainKind.GO)  # so that printed links with the former name still work
    transaction.on_commit(link_cache.refresh_soon)
    return own
