"""The navigation beside settings pages."""

from typing import Any

from django.http import HttpRequest

from accounts.access import current_membership, membership_may, memberships_of

NavigationRow = dict[str, Any]


def account_rows(request: HttpRequest, current: str = "") -> list[NavigationRow]:
    """Build the rows of the navigation: the account's pages, for those who manage it, and the user's own."""
    rows: list[NavigationRow] = []
    if memberships_of(request.user):
        membership = current_membership(request)
        if membership_may(membership, "manage"):
            rows += [
                {"label": membership.account.name},
                link("account", "/account", "Account", current),
                link("team", "/account/team", "Team", current),
                link("brand", "/account/brand", "White label", current),
            ]
    rows += [
        {"label": "You"},
        link("me", "/me", "Your profile", current),
        link("digests", "/digests", "Reports by e-mail", current),
    ]
    if getattr(request.user, "is_operator", False):
        rows += [{"label": "Installation"}, link("operations", "/operations", "Operations", current)]
    return rows


def link(slug: str, href: str, label: str, current: str) -> NavigationRow:
    """Build one row; `current` is the slug of the displayed page."""
    return {"href": href, "label": label, "current": slug == current}
