"""The demo shop's account with all its objects, read from `world.toml` and created by the ordinary services."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.custom_domains.services import host_provision
from accounts.models import Account, Purpose, Right
from accounts.services import account_create, grant_set
from config.demo.world import WorldRow, load_world
from goals.services import funnel_save, goal_create, segment_create
from links.models import Datapoint, DatapointKind, Group, ListKind, Status
from links.services.conversions import conversion_create
from links.services.domains import domain_create
from links.services.groups import group_create
from links.services.guests import guest_create
from links.services.links import datapoint_create, datapoint_update
from links.services.scripts_and_lists import entry_create, script_write
from reports.annotations.services import note_add
from reports.sharing.services import share_create
from sites.alerts.models import Alert, Channel, ChannelKind
from sites.alerts.services import alert_save, channel_save
from sites.models import Site
from sites.services import site_create, site_update

ZONE = "Europe/Berlin"
# Fields of a link in `world.toml` that the link itself does not have
DEMO_FIELDS = ("clicks", "lands", "referrer", "phone", "opened", "commission", "paused", "expires")


def compute_moment(now: datetime, days: int, clock: str) -> datetime:
    """Compute the moment `days` before today, at this time of the shop's zone."""
    day = now.astimezone(ZoneInfo(ZONE)).date() - timedelta(days=days)
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=ZoneInfo(ZONE))


@transaction.atomic
def create_demo_site(now: datetime) -> Site:
    """Create the account, which the first user will own, with all its objects as they were a month ago."""
    data = load_world()
    account = account_create(name=data["nickname"], timezone=ZONE)
    site = site_create(
        account=account, domain=data["domain"], timezone=ZONE, nickname=data["nickname"], by_operator=True
    )
    site_update(site=site, cookies="on")
    create_goals(site)
    create_links(account, now)
    create_reporting_extras(site, now)
    return site


def create_goals(site: Site) -> None:
    """Create goals, and the funnels and segments that name them."""
    data = load_world()
    numbers = {row["name"]: goal_create(site=site, **row).pk for row in data["goals"]}
    for row in data["funnels"]:
        funnel_save(site=site, name=row["name"], steps=replace_goal_names(row["steps"], numbers))
    for row in data["segments"]:
        segment_create(site=site, name=row["name"], filter=replace_goal_names(row["filter"], numbers), shared=True)


def replace_goal_names(tree: Any, goals: dict[str, int]) -> Any:
    """Replace the names of goals in a tree by their ids."""
    if isinstance(tree, list):
        return [replace_goal_names(item, goals) for item in tree]
    if isinstance(tree, dict):
        return {k: goals[v] if k == "goal" and v in goals else replace_goal_names(v, goals) for k, v in tree.items()}
    return tree


def create_links(account: Account, now: datetime) -> None:
    """Create links and pixels with their groups, conversions, scripts, domains, exclusions and guests."""
    data = load_world()
    groups = {row["name"]: group_create(account=account, **row) for row in data["groups"]}
    conversions = {row["name"]: conversion_create(account=account, **row) for row in data["conversions"]}
    scripts = {
        row["name"]: script_write(account=account, name=row["name"], text=row["script"]) for row in data["scripts"]
    }
    for row in data["domains"]:
        domain_create(account=account, **row)
        host_provision(account=account, host=row["name"], purpose=Purpose.LINKS)
    for row in data["exclusions"]:
        entry_create(account=account, listing=ListKind.BLACKLIST, value=row["value"])
    for row in reversed(data["links"]):  # the list shows the newest first
        fields = {name: value for name, value in row.items() if name not in DEMO_FIELDS}
        datapoint_create(account=account, **{
            **fields,
            "group": groups[row["group"]],
            "conversions": [conversions[name] for name in row.get("conversions", ())],
            "scripts": [scripts[name] for name in row.get("scripts", ())],
            "expiration_date": now - timedelta(days=row["expires"]) if "expires" in row else None,
        })  # fmt: skip
    for row in data["pixels"]:
        datapoint_create(account=account, kind=DatapointKind.PIXEL, **{**row, "group": groups[row["group"]]})
    for row in data["guests"]:
        invite_guest(account, row, groups)


def invite_guest(account: Account, row: WorldRow, groups: dict[str, Group]) -> None:
    """Create a guest who may see some groups. They have not accepted, since the account has no owner to invite them."""
    guest = guest_create(account=account, email=row["email"], name=row["name"])
    for name in row["groups"]:
        grant_set(membership=guest, kind="group", object_id=groups[name].pk, right=Right.READ)


def create_reporting_extras(site: Site, now: datetime) -> None:
    """Create annotations, alerts and a shared link."""
    data = load_world()
    for row in data["notes"]:
        note_add(site=site, at=compute_moment(now, row["days"], row["clock"]), text=row["text"])
    channel = Channel(
        account=site.account, kind=ChannelKind.EMAIL, name="Shop team (off in the demo)",
        target=f"team@{site.domain}", enabled=False,
    )  # fmt: skip
    channel_save(channel=channel)
    for row in data["alerts"]:
        alert = Alert(site=site, name=row["name"], condition=row["condition"])
        alert_save(alert=alert, parameters=row.get("parameters", {}), channels=[channel])
    for row in data["shares"]:
        share_create(site=site, name=row["name"])


def pause_ended_links(site: Site) -> None:
    """Pause the links that have ended by now."""
    ended = [row["alias"] for row in load_world()["links"] if row.get("paused")]
    for link in Datapoint.objects.filter(account=site.account, alias__in=ended):
        datapoint_update(datapoint=link, status=Status.PAUSED)
