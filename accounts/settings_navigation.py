"""The navigation beside settings pages."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.permissions import get_current_membership, list_memberships, membership_may

NavigationRow = dict[str, Any]


def build_account_navigation(request: HttpRequest, current: str = "") -> list[NavigationRow]:
    """Build the rows of the navigation: the account's pages, for those who manage it, and the user's own."""
    rows: list[NavigationRow] = []
    if list_memberships(request.user):
        membership = get_current_membership(request)
        if membership_may(membership, "manage"):
            rows += [
                {"label": membership.account.name},
                build_link("account", reverse("accounts:account"), "Account", current),
                build_link("team", reverse("accounts:team"), "Team", current),
                build_link("brand", reverse("accounts:account-brand"), "White label", current),
            ]
    rows += [
        {"label": "You"},
        build_link("me", reverse("accounts:me"), "Your profile", current),
        build_link("digests", reverse("digests:list"), "Reports by e-mail", current),
    ]
    if getattr(request.user, "is_operator", False):
        rows += [
            {"label": "Installation"},
            build_link("operations", reverse("operations:task-runs"), "Operations", current),
        ]
    return rows


def build_link(slug: str, href: str, label: str, current: str) -> NavigationRow:
    """Build one row; `current` is the slug of the displayed page."""
    return {"href": href, "label": label, "current": slug == current}
