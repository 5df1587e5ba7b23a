"""The content of a template: what is read from a site, and how it is described.

Funnels name their goals by name, and alerts their channels by kind and name, since ids are another site's.
"""

from __future__ import annotations

from typing import TypedDict

from goals.models import Funnel, Goal
from sites.alerts.models import Alert
from sites.models import Site


class GoalContent(TypedDict):
    """A goal; the fixed revenue is a decimal number as text, or None."""

    name: str
    kind: str
    pattern: str
    pattern_kind: str
    page: str
    text: str
    threshold: int
    conversion: bool
    currency: str
    fixed_revenue: str | None


class FunnelContent(TypedDict):
    """A funnel: its steps are {"goal": name} or {"page": pattern}."""

    name: str
    steps: list[dict[str, str]]
    strict: bool


class AlertContent(TypedDict):
    """An alert, with (kind, name) of its channels."""

    name: str
    condition: str
    parameters: dict[str, object]
    throttle_minutes: int
    channels: list[list[str]]


class PrivacyContent(TypedDict):
    """Settings of a site about privacy."""

    addresses: str
    cookies: str
    respect_dnt: bool
    retention_months: int


class TemplateContent(TypedDict):
    """All of a template. `digest`: how often the owners of a site's account get its report by e-mail; "" never."""

    goals: list[GoalContent]
    funnels: list[FunnelContent]
    alerts: list[AlertContent]
    privacy: PrivacyContent | None
    digest: str


def read_content(site: Site, *, privacy: bool, digest: str) -> TemplateContent:
    """Read a template from a site: its active goals, funnels, alerts, and its privacy if that is wanted."""
    goals = list(site.goals.filter(active=True).order_by("pk"))
    names = {goal.pk: goal.name for goal in goals}
    return TemplateContent(
        goals=[read_goal(goal) for goal in goals],
        funnels=[funnel for row in site.funnels.order_by("pk") if (funnel := read_funnel(row, names)) is not None],
        alerts=[read_alert(alert) for alert in site.alerts.prefetch_related("channels").order_by("pk")],
        privacy=read_privacy(site) if privacy else None,
        digest=digest,
    )


def read_goal(goal: Goal) -> GoalContent:
    revenue = None if goal.fixed_revenue is None else str(goal.fixed_revenue)
    return GoalContent(
        name=goal.name, kind=goal.kind, pattern=goal.pattern, pattern_kind=goal.pattern_kind, page=goal.page,
        text=goal.text, threshold=goal.threshold, conversion=goal.conversion, currency=goal.currency,
        fixed_revenue=revenue,
    )  # fmt: skip


def read_funnel(funnel: Funnel, names: dict[int, str]) -> FunnelContent | None:
    """Read a funnel; None if one of its goals is gone or not active."""
    steps: list[dict[str, str]] = []
    for step in funnel.steps:
        if "goal" in step and step["goal"] not in names:
            return None
        steps.append({"goal": names[step["goal"]]} if "goal" in step else {"page": step["page"]})
    return FunnelContent(name=funnel.name, steps=steps, strict=funnel.strict)


def read_alert(alert: Alert) -> AlertContent:
    return AlertContent(
        name=alert.name,
        condition=alert.condition,
        parameters=dict(alert.parameters),
        throttle_minutes=alert.throttle_minutes,
        channels=[[channel.kind, channel.name] for channel in alert.channels.all()],
    )


def read_privacy(site: Site) -> PrivacyContent:
    return PrivacyContent(
        addresses=site.addresses,
        cookies=site.cookies,
        respect_dnt=site.respect_dnt,
        retention_months=site.retention_months,
    )


def describe_content(content: TemplateContent) -> list[tuple[str, list[str]]]:
    """Describe a template as (heading, lines); what it has none of is left out."""
    privacy, digest = content["privacy"], content["digest"]
    parts = [
        ("Goals", [goal["name"] for goal in content["goals"]]),
        ("Funnels", [funnel["name"] for funnel in content["funnels"]]),
        ("Alerts", [alert["name"] for alert in content["alerts"]]),
        ("Privacy", describe_privacy(privacy) if privacy else []),
        (
            "Reports by e-mail",
            [f"Every {digest}, to the owners of the account"] if digest else [],
        ),
    ]
    return [(heading, lines) for heading, lines in parts if lines]


def describe_privacy(privacy: PrivacyContent) -> list[str]:
    """Describe settings of privacy, in the words of their form."""
    months = privacy["retention_months"]
    sample = Site(addresses=privacy["addresses"], cookies=privacy["cookies"])
    return [
        f"IP addresses: {sample.get_addresses_display()}",
        f"Cookies: {sample.get_cookies_display()}",
        f"Do Not Track: {'honoured' if privacy['respect_dnt'] else 'not honoured'}",
        f"Events are kept for {months} months; older ones are deleted" if months else "Events are kept for ever",
    ]
