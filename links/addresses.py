"""The addresses that belong to a link: where it is clicked, where its pictures and codes are."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction

from links import known
from links.models import Datapoint, Domain, DomainKind
from sites.hosts import host_name, public

log = logging.getLogger(__name__)


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
    """The installation's own link domain; its row is made when it is first needed.

    Where the installation got another name, its links move there with it.
    """
    name = known.system_host()
    return Domain.objects.filter(name=name).exclude(kind=DomainKind.GO).first() or _named(name)


def follow_configuration() -> None:
    """Let links move at once when the installation starts under another name."""
    try:
        system_domain()
    except DatabaseError as error:
        log.warning("links keep their address until the database answers: %s", error)


@transaction.atomic
def _named(name: str) -> Domain:
    own = Domain.objects.select_for_update().filter(account=None, kind=DomainKind.SYSTEM).order_by("pk").first()
    own = own or Domain(kind=DomainKind.SYSTEM)
    Domain.objects.filter(account=None, name=name).delete()  # a former name is the name again
    former, own.name = own.name, name
    own.save()
    if settings.LINK_DOMAIN and public(former) and former != host_name(settings.BASE_URL):
        Domain.objects.create(name=former, kind=DomainKind.GO)  # what was printed with it still leads to the links
    transaction.on_commit(known.nudge)
    return own
