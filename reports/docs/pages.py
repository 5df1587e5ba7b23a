"""The documentation's pages about collection, reports and the APIs, and the contexts of some of them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

from accounts.account_limits import DEFAULT_LIMITS
from accounts.api.errors import ERROR_CODES
from accounts.api.lists import CursorPages
from accounts.exports.models import RETENTION as EXPORT_RETENTION
from accounts.exports.registry import EXPORT_KINDS
from accounts.notices.kinds import KINDS
from accounts.notices.services import RETENTION as NOTICE_RETENTION
from accounts.revocation import DEPENDENT_ACCESS
from accounts.security.rate_limits import INVITATION_PAIR
from accounts.sso.rules import KEY_DAYS
from accounts.white_label.host_checks import get_target
from accounts.white_label.images import MAX_BYTES as MAX_IMAGE_BYTES
from accounts.white_label.images import MAX_PIXELS as MAX_IMAGE_PIXELS
from goals.models import GoalKind, PatternKind
from reports.clickport.breakdowns import BREAKDOWNS, TECH
from reports.clickport.requests import PERIODS
from reports.clickport.vocabulary import CLICKPORT_DIMENSIONS, DIMENSION_NAMES, METRIC_NAMES
from reports.clicky.filters import FILTERS
from reports.clicky.openapi import WHITELABEL_OPERATIONS, WHITELABEL_PARAMETERS
from reports.clicky.stats_request import PARAMETERS
from reports.clicky.types import STATS_TYPES
from reports.dashboard.views.preferences import KEYBOARD_SHORTCUTS
from reports.docs import DocPage, build_reference_page
from reports.onsite.services import SESSION
from reports.openapi import MANAGEMENT_API, list_operations
from reports.query.dimensions import DIMENSIONS
from reports.query.filters import OPERATORS
from reports.query.metrics import METRICS
from sites.alerts.condition_registry import CONDITIONS
from sites.models import AddressPolicy, CookiePolicy
from sites.services import MAX_SITES_AT_ONCE
from sites.settings_fields import TRACKER_SETTINGS
from sites.widget_settings import CHOICES, WidgetAudience
from tracking.event import REASONS
from tracking.state.salts import RETENTION_DAYS


def build_tracker_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the tracker: the settings of a site that its form has."""
    declared = {name: setting.metadata for name, setting in TRACKER_SETTINGS.items() if setting.metadata["label"]}
    return {
        "settings": [
            {"name": name, "values": [value for value, _ in each["choices"]] or ["true", "false"], **each}
            for name, each in declared.items()
        ]
    }


def build_server_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about server-side tracking: the reasons of rejections."""
    return {"reasons": REASONS.items()}


def build_dashboard_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the dashboard: keyboard shortcuts, kinds of goals and of patterns."""
    return {
        "keys": KEYBOARD_SHORTCUTS,
        "kinds": GoalKind.choices,
        "patterns": [label for _, label in PatternKind.choices],
    }


def build_numbers_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about metrics and dimensions: their rows in the registries."""
    return {"metrics": METRICS.values(), "dimensions": DIMENSIONS.values()}


def build_watching_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about uptime and alerts: the conditions of alerts."""
    return {"conditions": CONDITIONS.values()}


def build_widget_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the on-site widget: the choices of its settings."""
    choices = [(name, kind.values) for name, kind in CHOICES.items() if name != "open_to"]
    return {"audiences": WidgetAudience.choices, "choices": choices, "hours": round(SESSION.total_seconds() / 3600)}


def build_privacy_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about privacy: the settings of a site."""
    return {
        "addresses": [label for _, label in AddressPolicy.choices],
        "cookies": [label for _, label in CookiePolicy.choices],
        "salt_days": RETENTION_DAYS,
    }


def build_people_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about people: limits of invitations, and what ends with a membership."""
    return {
        "days": settings.INVITATION_DAYS,
        "address_mails": INVITATION_PAIR.maximum,
        "invitations": DEFAULT_LIMITS["invitations_per_day"],
        "guests": DEFAULT_LIMITS["guests"],
        "audit_days": DEFAULT_LIMITS["audit_days"],
        "ending_access": [access.label for access in DEPENDENT_ACCESS],
    }


def build_inbox_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about inbox and exports: the kinds of both, and their limits."""
    return {
        "kinds": KINDS.values(),
        "retention_days": NOTICE_RETENTION.days,
        "export_kinds": EXPORT_KINDS.values(),
        "export_days": EXPORT_RETENTION.days,
        "exports": DEFAULT_LIMITS["exports"],
    }


def build_white_label_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about white labels: where hosts lead to, and limits of images."""
    return {
        "target": get_target(),
        "max_kilobytes": MAX_IMAGE_BYTES // 1024,
        "max_megapixels": MAX_IMAGE_PIXELS // 1_000_000,
    }


def build_clickport_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the query API."""
    return {
        "metrics": [(name, METRICS[ours].doc) for name, ours in METRIC_NAMES.items()],
        "dimensions": [(name, DIMENSIONS[DIMENSION_NAMES[name]].doc) for name in CLICKPORT_DIMENSIONS],
        "more": [(name, DIMENSIONS[name].doc) for name in DIMENSION_NAMES if name not in CLICKPORT_DIMENSIONS],
        "periods": PERIODS,
        "operators": OPERATORS,
        "breakdowns": [(row.address, row.doc, [*row.dimensions, *row.list_columns()]) for row in BREAKDOWNS.values()],
        "tech": list(TECH),
    }


def build_clicky_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the Stats API."""
    groups: dict[str, list[str]] = {}
    for row in STATS_TYPES:
        groups.setdefault(row.group, []).append(row.name)
    return {
        "parameters": PARAMETERS.items(),
        "groups": groups.items(),
        "aliases": [(alias, row.name) for row in STATS_TYPES for alias in row.aliases],
        "filters": [*FILTERS, "custom[key]"],
        "per_minute": DEFAULT_LIMITS["clicky_per_minute"],
        "whitelabel_operations": WHITELABEL_OPERATIONS.items(),
        "whitelabel_parameters": WHITELABEL_PARAMETERS.items(),
    }


def build_management_context(request: HttpRequest) -> dict[str, object]:
    """Build the context of the page about the management API: its operations, lists and words of errors."""
    return {
        "operations": list_operations(MANAGEMENT_API),
        "errors": ERROR_CODES.items(),
        "default_limit": CursorPages.page_size,
        "max_limit": CursorPages.max_page_size,
    }


COLLECT = (
    DocPage("start", "Add the tracker to your pages", "The snippet, its other forms, and how to see that it works."),
    DocPage(
        "tracker",
        "The tracker",
        "What it records automatically, what a page can send, and every setting.",
        build_tracker_context,
    ),
    DocPage(
        "server",
        "From a server or an app",
        "Views, goals and events without a browser; which hits are rejected.",
        build_server_context,
    ),
    DocPage(
        "privacy", "Privacy", "What is stored, for how long, and how to erase a person's data.", build_privacy_context
    ),
)
LOOK = (
    DocPage(
        "dashboard",
        "The dashboard",
        "Filter, compare, save, share; goals, funnels, heatmaps, keyboard.",
        build_dashboard_context,
    ),
    DocPage(
        "widget",
        "The on-site widget",
        "A page's numbers on the page itself, for your team: badge, snippet, policy.",
        build_widget_context,
    ),
    DocPage(
        "numbers",
        "Every number",
        "What each metric and dimension means, and when it is an estimate.",
        build_numbers_context,
    ),
    DocPage(
        "people",
        "People and keys",
        "Invite, share one site, and what ends when somebody leaves.",
        build_people_context,
    ),
    DocPage(
        "inbox",
        "Inbox and exports",
        "What you are told of and how, and tables as files.",
        build_inbox_context,
    ),
    DocPage(
        "sso",
        "Single sign-on",
        "Let your people log in through your own OpenID provider, and through it only.",
        lambda _: {"key_days": KEY_DAYS},
    ),
    DocPage(
        "agencies",
        "Agencies and clients",
        "Accounts of clients, all of their sites in one table, and sites that move.",
        lambda _: {"clients": DEFAULT_LIMITS["clients"], "sites_at_once": MAX_SITES_AT_ONCE},
    ),
    DocPage(
        "white-label",
        "White label",
        "Your own hosts, logo, colours and sender in place of ours.",
        build_white_label_context,
    ),
    DocPage(
        "watching",
        "Uptime, alerts and mails",
        "Monitors, alerts about unusual traffic, and reports by mail.",
        build_watching_context,
    ),
)
PROGRAMS = (
    DocPage(
        "clickport",
        "Query API",
        "Any metrics by any dimensions as JSON; Clickport's scripts work here.",
        build_clickport_context,
    ),
    DocPage(
        "clicky",
        "Stats API",
        "A report per type as XML, JSON, PHP or CSV; Clicky's scripts work here.",
        build_clicky_context,
    ),
    DocPage(
        "management",
        "Management API",
        "Sites, keys and members as JSON: fields, pages, filters, errors.",
        build_management_context,
    ),
)
REFERENCE = (
    build_reference_page("query-reference", "Query API reference", "reports:openapi-query"),
    build_reference_page("stats-reference", "Stats API reference", "reports:stats-schema"),
    build_reference_page("management-reference", "Management API reference", "reports:openapi-management"),
)
RUN = (DocPage("moving", "Moving here", "From Clicky, Clickport or ClickMeter by changing a host name."),)
