"""Navigation between the settings pages of a site. Higher apps add their pages by `register_settings_page`."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from accounts.settings_parts import NavigationRow, build_account_navigation, build_link
from sites.models import Site
from sites.selectors import may_on_site


@dataclass(frozen=True)
class SettingsPage:
    """A page at /sites/<id>/settings/<slug>, visible to users who may do `may` with the site."""

    slug: str
    label: str
    may: str = "edit"


PAGES: list[SettingsPage] = [
    SettingsPage("general", "General"),
    SettingsPage("tracking-code", "Tracking code"),
    SettingsPage("tracker", "Tracker"),
    SettingsPage("api-keys", "API keys"),
    SettingsPage("privacy", "Privacy"),
    SettingsPage("exclusions", "Exclusions"),
    SettingsPage("counting", "What counts"),
    SettingsPage("proxy", "First-party proxy"),
    SettingsPage("team", "Team", may="manage"),
]


def register_settings_page(slug: str, label: str, may: str = "edit") -> None:
    """Add a page of a higher app, which serves /sites/<id>/settings/<slug> itself."""
    PAGES.append(SettingsPage(slug, label, may))


def build_settings_context(request: HttpRequest, site: Site, current: str) -> dict[str, object]:
    """Build the template context of every settings page: the site, the section and the navigation links."""
    rows: list[NavigationRow] = [{"label": str(site)}]
    for page in PAGES:
        if may_on_site(request.user, site, page.may):
            rows.append(build_link(page.slug, f"/sites/{site.pk}/settings/{page.slug}", page.label, current))
    return {"site": site, "section": "settings", "settings_nav": [*rows, *build_account_navigation(request)]}
