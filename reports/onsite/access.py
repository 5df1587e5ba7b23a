"""Who may open a site's widget, on which pages, and whose token a request carries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django import template
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template import Context

from accounts.keys import hash_key
from accounts.models import User
from accounts.permissions import Actor, find_membership, membership_may
from accounts.selectors import find_session_user
from reports.onsite.models import MAX_ORIGIN_LENGTH, WidgetSession
from sites import site_cache
from sites.models import Site
from sites.selectors import get_site_for_actor, may_on_site
from sites.site_config import SiteConfig, build_site_config
from sites.widget_settings import WidgetAudience, parse_widget_settings

register = template.Library()
SCHEMES = ("http", "https")
OPENER_FRAGMENT = "#_badge"  # with which the site is opened in a browser that shall show the badge
TOKEN_PREFIX = "Bearer "  # noqa: S105


@dataclass(frozen=True)
class OpenWidget:
    """A request's open widget: its row with site and user, and the site's configuration."""

    session: WidgetSession
    config: SiteConfig

    @property
    def site(self) -> Site:
        return self.session.site

    @property
    def user(self) -> User:
        return self.session.user


def find_widget_config(site_id: int) -> SiteConfig | None:
    """Return the configuration of a site whose widget is on; None for every other site."""
    config = site_cache.get_site(site_id)
    return config if config is not None and config.widget.is_on and not config.suspended else None


def may_open_widget(actor: Actor, site: Site) -> bool:
    """Whether the actor belongs to those who may open the site's widget. Raises what `find_membership` raises."""
    audience = parse_widget_settings(site.widget).open_to
    if audience == WidgetAudience.ADMINISTRATORS:
        return may_on_site(actor, site, "manage")
    if audience == WidgetAudience.TEAM:
        return membership_may(find_membership(actor, site.account), "view")
    return audience == WidgetAudience.GUESTS and may_on_site(actor, site, "view")


def get_site_with_widget(actor: Actor, site_id: int) -> Site:
    """Fetch a site whose widget the actor may open. Raises Http404 for every other reason, too."""
    try:
        site = get_site_for_actor(actor, site_id)
        if may_open_widget(actor, site):
            return site
    except PermissionDenied:  # a suspended account
        pass
    raise Http404("No such site.")


def parse_origin(url: str) -> str:
    """Return the origin of a URL in a browser's form (`https://shop.example:8443`); "" if it has none."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for one that is none
    except ValueError:
        return ""
    if parts.scheme not in SCHEMES or not parts.hostname or "@" in parts.netloc or len(url) > 8000:
        return ""
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    return origin if len(origin) <= MAX_ORIGIN_LENGTH else ""


def is_own_origin(config: SiteConfig, origin: str) -> bool:
    """Whether pages of this origin belong to the site. Where we are reached by https, they must be, too."""
    if not origin or (settings.SECURE and not origin.startswith("https://")):
        return False
    return config.hosts.owns_host(origin)


def find_open_widget(request: HttpRequest, site_id: int, now: datetime) -> OpenWidget | None:
    """Find the open widget whose token the request carries, if its user still may read the site.

    None if the token is unknown or over, the log-in has ended, the user has lost the right, the widget was turned off,
    or the page's origin is not the site's any more.
    """
    header = request.headers.get("Authorization", "")
    if not header.startswith(TOKEN_PREFIX):
        return None
    rows = WidgetSession.objects.filter(
        site_id=site_id, token_hash=hash_key(header.removeprefix(TOKEN_PREFIX)), token_expires__gt=now, expires__gt=now
    )
    session = rows.first()
    user = find_session_user(session.login, now) if session else None
    if session is None or user is None or user.pk != session.user_id:
        return None
    try:
        site = get_site_with_widget(user, site_id)
    except Http404:
        return None
    session.user, session.site = user, site
    config = build_site_config(site)  # of the row: the cache learns of a change half a second later
    return OpenWidget(session, config) if is_own_origin(config, session.origin) else None


def build_opener_url(request: HttpRequest, site: Site) -> str:
    """Return the address of the site that lets a browser show the badge from then on."""
    return f"{'https' if request.is_secure() else 'http'}://{site.domain}/{OPENER_FRAGMENT}"


@register.simple_tag(takes_context=True)
def widget_url(context: Context, site: object) -> str:
    """Return the address at which the reader finds the site's widget; "" if they may not open it, or it is off."""
    request = context.get("request")
    if not isinstance(site, Site) or request is None or not parse_widget_settings(site.widget).is_on:
        return ""
    return build_opener_url(request, site) if may_open_widget(request.user, site) else ""
