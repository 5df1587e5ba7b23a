"""Writes of templates: reading one from a site, and setting up sites by it.

What a site has already stays as it is: a goal, funnel or alert of the same name is not touched. So a template can be
applied to a site again, after it or the site has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.account_limits import check_limit
from accounts.audit.recording import record_action
from accounts.clients.models import SiteTemplate
from accounts.models import Account, Role, User
from accounts.services import account_lock
from accounts.validators import clean_name
from goals.services import funnel_save, goal_create
from reports.agency.templates import AlertContent, FunnelContent, GoalContent, TemplateContent, read_content
from reports.digests.models import DigestSubscription, Frequency
from reports.digests.services import subscription_save
from sites.alerts.models import Alert, Channel
from sites.alerts.services import alert_save
from sites.models import Site
from sites.services import site_update

MAX_SITES_OF_TEMPLATE = 200  # at once


@transaction.atomic
def site_template_create(
    *, agency: Account, name: str, site: Site, privacy: bool = True, digest: str = ""
) -> SiteTemplate:
    """Create a template of what is set up on a site. Raises ValidationError."""
    if digest and digest not in Frequency.values:
        raise ValidationError({"digest": f"Must be one of: {', '.join(Frequency.values)}."})
    account_lock(agency)
    used = agency.site_templates.count()
    check_limit(agency, "site_templates", used=used, field="name", what="templates of sites")
    template = SiteTemplate(agency=agency, name=clean_name(name))
    if agency.site_templates.filter(name=template.name).exists():
        raise ValidationError({"name": "There is a template with this name already."})
    template.content = dict(read_content(site, privacy=privacy, digest=digest))
    template.save()
    record_action("site_template.created", template)
    return template


@transaction.atomic
def site_template_delete(*, template: SiteTemplate) -> None:
    """Delete a template; the sites that it set up stay as they are."""
    record_action("site_template.deleted", template)
    template.delete()


@transaction.atomic
def site_template_apply(*, template: SiteTemplate, sites: Sequence[Site]) -> None:
    """Set up sites by a template, or none of them. Raises ValidationError, which names the site."""
    if not 0 < len(sites) <= MAX_SITES_OF_TEMPLATE:
        raise ValidationError({"sites": f"Choose 1 to {MAX_SITES_OF_TEMPLATE} sites at once."})
    content: TemplateContent = template.content
    for site in sites:
        try:
            apply_content(content, site)
        except ValidationError as error:
            raise ValidationError({"sites": f"{site}: {' '.join(error.messages)}"}) from error
    changes = {"sites": (None, ", ".join(site.domain for site in sites))}
    record_action("site_template.applied", template, changes=changes)


def apply_content(content: TemplateContent, site: Site) -> None:
    """Set up one site."""
    goals = {goal.name: goal.pk for goal in site.goals.all()}
    for goal in content["goals"]:
        if goal["name"] not in goals:
            goals[goal["name"]] = apply_goal(goal, site)
    funnels = set(site.funnels.values_list("name", flat=True))
    for funnel in content["funnels"]:
        if funnel["name"] not in funnels:
            apply_funnel(funnel, site, goals)
    alerts = set(site.alerts.values_list("name", "condition"))
    for alert in content["alerts"]:
        if (alert["name"], alert["condition"]) not in alerts:
            apply_alert(alert, site)
    if content["privacy"] is not None:
        site_update(site=site, **content["privacy"])
    if content["digest"]:
        apply_digest(content["digest"], site)


def apply_goal(goal: GoalContent, site: Site) -> int:
    """Create a goal; returns its id."""
    revenue = None if goal["fixed_revenue"] is None else Decimal(goal["fixed_revenue"])
    return goal_create(
        site=site, name=goal["name"], kind=goal["kind"], pattern=goal["pattern"], pattern_kind=goal["pattern_kind"],
        page=goal["page"], text=goal["text"], threshold=goal["threshold"], conversion=goal["conversion"],
        currency=goal["currency"], fixed_revenue=revenue,
    ).pk  # fmt: skip


def apply_funnel(funnel: FunnelContent, site: Site, goals: dict[str, int]) -> None:
    """Create a funnel with the site's own goals."""
    steps = [{"goal": goals[step["goal"]]} if "goal" in step else {"page": step["page"]} for step in funnel["steps"]]
    funnel_save(site=site, name=funnel["name"], steps=steps, strict=funnel["strict"])


def apply_alert(alert: AlertContent, site: Site) -> None:
    """Create an alert with those of its channels that the site's account has."""
    known = {(channel.kind, channel.name): channel for channel in Channel.objects.filter(account=site.account)}
    channels = [known[kind, name] for kind, name in alert["channels"] if (kind, name) in known]
    row = Alert(site=site, name=alert["name"], condition=alert["condition"], throttle_minutes=alert["throttle_minutes"])
    alert_save(alert=row, parameters=alert["parameters"], channels=channels)


def apply_digest(frequency: str, site: Site) -> None:
    """Subscribe the owners of the site's account to its digest, but for those who get it or stopped such mails."""
    owners = User.objects.filter(
        memberships__account=site.account,
        memberships__role=Role.OWNER,
        memberships__accepted__isnull=False,
        is_active=True,
    )
    for user in owners.distinct().order_by("pk"):
        existing = DigestSubscription.objects.filter(user=user, frequency=frequency).order_by("pk").first()
        if existing is None:
            subscription_save(user=user, frequency=frequency, sites=[site], attach_csv=False)
        elif existing.enabled and existing.sites and site.pk not in existing.sites:
            others = Site.objects.filter(pk__in=existing.sites)
            subscription_save(
                user=user, frequency=frequency, sites=[*others, site], attach_csv=existing.attach_csv, existing=existing
            )
