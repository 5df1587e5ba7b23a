"""Where pages lead to an agency's: the entry in the header, and what ⌘K finds."""

from __future__ import annotations

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse

from accounts.permissions import get_current_membership
from accounts.selectors import find_agency_of_clients, has_clients, list_clients

register = template.Library()


@register.simple_tag(takes_context=True)
def may_open_clients(context: Context) -> bool:
    """Return whether the reader has clients."""
    request = context.get("request")
    return request is not None and has_clients(request.user)


def list_client_pages(request: HttpRequest) -> list[tuple[str, str]]:
    """List the pages of an agency and of each of its clients; none for who has no clients."""
    if not has_clients(request.user):
        return []
    agency = find_agency_of_clients(get_current_membership(request), request.user)
    if agency is None:
        return []
    clients = list_clients(agency, request.user)
    return [
        ("Clients · New client", reverse("agency:client-new")),
        ("Clients · Add sites", reverse("agency:sites-new")),
        ("Clients · People and sites", reverse("agency:access")),
        ("Clients · Templates of sites", reverse("agency:templates")),
        *((f"{client} · Client", reverse("agency:client", args=[client.pk])) for client in clients),
    ]
