"""The addresses that belong to a link: where it is clicked, where its pictures and codes are."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction

from accounts.host_names import host_name, is_public_host
from links import known
from links.models import Datapoint, Domain, DomainKind

log = logging.getLogger(__name__)


def get_links_base_url() -> str:
    """Scheme and host (with port) of the installation's own links."""
    parts = urlsplit(settings.BASE_URL)
    return f"{parts.scheme}://{settings.LINK_DOMAIN}" if known.has_link_domain() else settings.BASE_URL


def tracking_url(datapoint: Datapoint, domain: Domain | None = None) -> str:
    """The whole address of a link or pixel."""
    domain = domain or datapoint.domain
    if domain.account_id is None and domain.name == known.system_host():
        return (
            f"{get_links_base_url()}/{datapoint.alias}"
            if known.has_link_domain()
            else f"{get_links_base_url()}/l/{datapoint.alias}"
        )
    return f"{urlsplit(settings.BASE_URL).scheme}://{domain.name}/{datapoint.alias}"


def system_domain() -> Domain:
    """The installation's own link domain; its row is made when it is first needed.

    Where the installation got another name, its links move there with it.
    """
    name = known.system_host()
    return Domain.objects.filter(account=None, name=name).exclude(kind=DomainKind.GO).first() or _rename_system_domain(
        name
    )


def is_former_link_domain(host: str) -> bool:
    """Whether this host is or was the installation's link domain, so that links with it still work."""
    return Domain.objects.filter(account=None, name=host).exists()


def follow_configuration() -> None:
    """Let links move at once when the installation starts under another name."""
    try:
        system_domain()
    except DatabaseError as error:
        log.warning("links keep their address until the database answers: %s", error)


@transaction.atomic
def _rename_system_domain(name: str) -> Domain:
    own = Domain.objects.select_for_update().filter(account=None, kind=DomainKind.SYSTEM).order_by("pk").first()
    own = own or Domain(kind=DomainKind.SYSTEM)
    Domain.objects.filter(account=None, name=name).delete()  # a former name is the name again
    former, own.name = own.name, name
    own.save()
    if settings.LINK_DOMAIN and is_public_host(former) and former != host_name(settings.BASE_URL):
        Domain.objects.create(name=former, kind=DomainKind.GO)  # what was printed with it still leads to the links
    transaction.on_commit(known.refresh_soon)
    return own
