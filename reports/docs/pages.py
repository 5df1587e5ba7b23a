"""The pages about collecting and looking, filled from the rooms' registries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.limits import DEFAULT_LIMITS
from accounts.revocation import DEPENDENT_ACCESS
from accounts.services.invitations import INVITATION_DAYS
from goals.models import GoalKind, PatternKind
from reports.dashboard.views.preferences import KEYBOARD_SHORTCUTS
from reports.docs import DocPage, apis
from reports.query.registry import DIMENSIONS, METRICS
from sites.alerts.conditions import CONDITIONS
from sites.models import AddressPolicy, CookiePolicy
from tracking.event import REASONS
from tracking.state.salts import RETENTION_DAYS


def server(request: HttpRequest) -> dict[str, Any]:
    """Why a hit is not stored."""
    return {"reasons": REASONS.items()}


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """Keys, kinds of goals and of patterns."""
    return {
        "keys": KEYBOARD_SHORTCUTS,
        "kinds": GoalKind.choices,
        "patterns": [label for _, label in PatternKind.choices],
    }


def numbers(request: HttpRequest) -> dict[str, Any]:
    """Every metric and dimension as its row in the registry says."""
    return {"metrics": METRICS.values(), "dimensions": DIMENSIONS.values()}


def watching(request: HttpRequest) -> dict[str, Any]:
    """What can be alerted of."""
    return {"conditions": CONDITIONS.values()}


def privacy(request: HttpRequest) -> dict[str, Any]:
    """A site's choices."""
    return {
        "addresses": [label for _, label in AddressPolicy.choices],
        "cookies": [label for _, label in CookiePolicy.choices],
        "salt_days": RETENTION_DAYS,
    }


def people(request: HttpRequest) -> dict[str, Any]:
    """Context of the page about people: lifetime and limits of invitations, and what ends with a membership."""
    return {
        "days": INVITATION_DAYS,
        "invitations": DEFAULT_LIMITS["invitations_per_day"],
        "guests": DEFAULT_LIMITS["guests"],
        "ending": [access.label for access in DEPENDENT_ACCESS],
    }


COLLECT = (
    DocPage("start", "Put it into a page", "The snippet, its other forms, and how to see that it works."),
    DocPage("tracker", "The tracker", "What it records by itself, what a page can tell it, and every setting."),
    DocPage("server", "From a server or an app", "Views, goals and events without a browser; what is refused.", server),
    DocPage("privacy", "Privacy", "What is kept, for how long, and how a person is forgotten.", privacy),
)
LOOK = (
    DocPage(
        "dashboard", "The dashboard", "Filter, compare, save, share; goals, funnels, heatmaps, keyboard.", dashboard
    ),
    DocPage("numbers", "Every number", "What each metric and dimension means, and when it is an estimate.", numbers),
    DocPage("people", "People and keys", "Invite, share one site, and what ends when somebody leaves.", people),
    DocPage(
        "watching", "Uptime, alerts and mails", "It pings your site, notices what is unusual, and writes.", watching
    ),
)
PROGRAMS = (
    DocPage(
        "clickport",
        "Query API",
        "Any metrics by any dimensions as JSON; Clickport's scripts work here.",
        apis.clickport,
    ),
    DocPage(
        "clicky", "Stats API", "A report per word as XML, JSON, PHP or CSV; Clicky's scripts work here.", apis.clicky
    ),
)
RUN = (DocPage("moving", "Moving here", "From Clicky, Clickport or ClickMeter by changing a host name."),)
