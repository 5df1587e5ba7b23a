"""What settings pages of several apps have: the navigation beside them, and the responses of two buttons.

The buttons are “Check now” of a host that is not verified yet, and “Show” (`templates/_reveal.html`) of secrets that
the page itself does not contain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.custom_domains.claim_checks import claim_check_now
from accounts.models import HostClaim, Membership, Role
from accounts.permissions import find_current_membership, membership_may
from accounts.security import rate_limits
from accounts.selectors import find_agency_of_clients


class NavigationRow(TypedDict, total=False):
    """A link of the navigation, or a heading, which has a label only."""

    label: str
    href: str
    current: bool


def build_account_navigation(request: HttpRequest, current: str = "") -> list[NavigationRow]:
    """Build the rows of the navigation: the account's pages, for those who manage it, and the user's own."""
    rows: list[NavigationRow] = []
    membership = find_current_membership(request)
    if membership is not None and membership_may(membership, "manage"):
        rows += [
            {"label": membership.account.name},
            build_link("account", reverse("accounts:account"), "Account", current),
            build_link("usage", reverse("usage:page"), "Plan and usage", current),
            build_link("team", reverse("accounts:team"), "Team", current),
            build_link("invitations", reverse("accounts:invitations"), "Invitations", current),
            *build_clients_link(request, membership, current),
            build_link("audit-log", reverse("accounts:audit-log"), "Audit log", current),
            build_link("brand", reverse("accounts:account-brand"), "White label", current),
        ]
        if membership.role == Role.OWNER:
            rows.append(build_link("sso", reverse("accounts:sso"), "Single sign-on", current))
    rows += [
        {"label": "You"},
        build_link("me", reverse("accounts:me"), "Your profile", current),
        build_link("notices", reverse("accounts:notices"), "Inbox", current),
        build_link("security", reverse("mfa_index"), "Sign-in and security", current),
        build_link("sessions", reverse("usersessions_list"), "Sessions", current),
    ]
    if membership is not None:
        if membership.pk is not None:  # tokens belong to members
            rows.append(build_link("tokens", reverse("accounts:tokens"), "API tokens", current))
        rows.append(build_link("exports", reverse("accounts:exports"), "Exports", current))
    rows += [
        build_link("digests", reverse("digests:list"), "Reports by e-mail", current),
    ]
    if getattr(request.user, "is_operator", False):
        rows += build_installation_links(current)
    return rows


def build_clients_link(request: HttpRequest, membership: Membership, current: str) -> list[NavigationRow]:
    """Build the row of the clients; none for the own members of a client's account."""
    if find_agency_of_clients(membership, request.user) is None:
        return []
    return [build_link("clients", reverse("agency:clients"), "Clients", current)]


def build_installation_links(current: str) -> list[NavigationRow]:
    """Build the rows of the operators' pages."""
    return [
        {"label": "Installation"},
        build_link("operations", reverse("operations:task-runs"), "Operations", current),
        build_link("accounts", reverse("operations:accounts"), "Accounts", current),
        build_link("plans", reverse("operations:plans"), "Plans", current),
        build_link("billing", reverse("billing:webhooks"), "Billing webhooks", current),
        build_link("sign-up", reverse("operations:sign-up"), "Sign-up", current),
        build_link("installation-log", reverse("operations:audit-log"), "Audit log", current),
    ]


def build_link(slug: str, href: str, label: str, current: str) -> NavigationRow:
    """Build one row; `current` is the slug of the displayed page."""
    return {"href": href, "label": label, "current": slug == current}


def check_host_now(request: HttpRequest, claim: HostClaim) -> bool:
    """Check the claim's DNS record and show the result as a message; returns False if the account checks too often."""
    if wait := claim_check_now(claim):
        messages.error(request, rate_limits.format_wait_message(wait, "checks"))
        return False
    checked = HostClaim.objects.filter(pk=claim.pk).first()
    if checked is not None and checked.verified:
        messages.success(request, f"{checked.host} is verified.")
    elif checked is not None:
        messages.info(request, f"Checked just now. {checked.check_result}")
    return True


def render_secrets(request: HttpRequest, title: str, secrets: Mapping[str, str], back: str) -> HttpResponse:
    """Render secrets by label: for htmx as part of a page, else as a page of their own that leads back to `back`.

    An empty secret is one that cannot be decrypted. The view must be marked `never_cache`.
    """
    template = "_secrets.html" if request.headers.get("HX-Request") else "secrets.html"
    return render(request, template, {"title": title, "secrets": secrets.items(), "back": back})
