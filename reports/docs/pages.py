"""The pages about collecting and looking, filled from the rooms' registries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.invitations import DAYS
from accounts.limits import DEFAULT_LIMITS
from accounts.revocation import DEPENDENT_ACCESS
from goals.models import GoalKind, PatternKind
from reports.docs import Page, apis
from reports.engine.registry import DIMENSIONS, METRICS
from reports.pages.preferences import KEYS
from sites.alerts.conditions import CONDITIONS
from sites.models import Addresses, Cookies
from tracking.hit import REASONS
from tracking.salts import KEPT_DAYS


def server(request: HttpRequest) -> dict[str, Any]:
    """Why a hit is not stored."""
    return {"reasons": REASONS.items()}


def dashboard(request: HttpRequest) -> dict[str, Any]:
    """Keys, kinds of goals and of patterns."""
    return {"keys": KEYS, "kinds": GoalKind.choices, "patterns": [label for _, label in PatternKind.choices]}


def numbers(request: HttpRequest) -> dict[str, Any]:
    """Every metric and dimension as its row in the registry says."""
    return {"metrics": METRICS.values(), "dimensions": DIMENSIONS.values()}


def watching(request: HttpRequest) -> dict[str, Any]:
    """What can be alerted of."""
    return {"conditions": CONDITIONS.values()}


def privacy(request: HttpRequest) -> dict[str, Any]:
    """A site's choices."""
    return {
        "addresses": [label for _, label in Addresses.choices],
        "cookies": [label for _, label in Cookies.choices],
        "salt_days": KEPT_DAYS,
    }


def people(request: HttpRequest) -> dict[str, Any]:
    """Context of the page about people: lifetime and limits of invitations, and what ends with a membership."""
    return {
        "days": DAYS,
        "invitations": DEFAULT_LIMITS["invitations_per_day"],
        "guests": DEFAULT_LIMITS["guests"],
        "ending": [access.label for access in DEPENDENT_ACCESS],
    }


COLLECT = (
    Page("start", "Put it into a page", "The snippet, its other forms, and how to see that it works."),
    Page("tracker", "The tracker", "What it records by itself, what a page can tell it, and every setting."),
    Page("server", "From a server or an app", "Views, goals and events without a browser; what is refused.", server),
    Page("privacy", "Privacy", "What is kept, for how long, and how a person is forgotten.", privacy),
)
LOOK = (
    Page("dashboard", "The dashboard", "Filter, compare, save, share; goals, funnels, heatmaps, keyboard.", dashboard),
    Page("numbers", "Every number", "What each metric and dimension means, and when it is an estimate.", numbers),
    Page("people", "People and keys", "Invite, share one site, and what ends when somebody leaves.", people),
    Page("watching", "Uptime, alerts and mails", "It pings your site, notices what is unusual, and writes.", watching),
)
PROGRAMS = (
    Page(
        "clickport",
        "Query API",
        "Any metrics by any dimensions as JSON; Clickport's scripts work here.",
        apis.clickport,
    ),
    Page("clicky", "Stats API", "A report per word as XML, JSON, PHP or CSV; Clicky's scripts work here.", apis.clicky),
)
RUN = (Page("moving", "Moving here", "From Clicky, Clickport or ClickMeter by changing a host name."),)
