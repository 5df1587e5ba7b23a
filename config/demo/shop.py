"""What the demo shop has made in its account, read from `world.toml` and made by the services everybody's pages use."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.custom_domains.models import Purpose
from accounts.custom_domains.services import host_provision
from accounts.models import Account, Right
from accounts.services import account_create, grant_set
from config.demo.world import world
from goals.funnels import funnel_save
from goals.services import goal_create, segment_create
from links import belongings
from links.guests import guest_create
from links.models import Datapoint, Group, Kind, Listing, Status
from links.services import datapoint_create, datapoint_update
from reports.notes.services import note_add
from reports.share.services import share_create
from sites.alerts.models import Alert, Channel, ChannelKind
from sites.alerts.services import alert_save, channel_save
from sites.models import Site
from sites.services import site_create, site_update

ZONE = "Europe/Berlin"
OURS = ("clicks", "lands", "referrer", "phone", "opened", "commission", "paused", "expires")  # what no link has itself


def moment(now: datetime, days: int, clock: str) -> datetime:
    """So many days before today, at this clock of the shop's zone."""
    day = now.astimezone(ZoneInfo(ZONE)).date() - timedelta(days=days)
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=ZoneInfo(ZONE))


@transaction.atomic
def demo_site(now: datetime) -> Site:
    """The account (its first user will own it) with all it has, as it was when the month began."""
    data = world()
    account = account_create(name=data["nickname"], timezone=ZONE)
    site = site_create(
        account=account, domain=data["domain"], timezone=ZONE, nickname=data["nickname"], by_operator=True
    )
    site_update(site=site, cookies="on")
    make_goals(site)
    make_links(account, now)
    make_around(site, now)
    return site


def make_goals(site: Site) -> None:
    """Goals, and the funnels and segments that name them."""
    data = world()
    numbers = {row["name"]: goal_create(site=site, **row).pk for row in data["goals"]}
    for row in data["funnels"]:
        funnel_save(site=site, name=row["name"], steps=with_numbers(row["steps"], numbers))
    for row in data["segments"]:
        segment_create(site=site, name=row["name"], filter=with_numbers(row["filter"], numbers), shared=True)


def with_numbers(tree: Any, goals: dict[str, int]) -> Any:
    """The tree with the goals' numbers in place of their names."""
    if isinstance(tree, list):
        return [with_numbers(one, goals) for one in tree]
    if isinstance(tree, dict):
        return {k: goals[v] if k == "goal" and v in goals else with_numbers(v, goals) for k, v in tree.items()}
    return tree


def make_links(account: Account, now: datetime) -> None:
    """Links and pixels, and what belongs to them."""
    data = world()
    groups = {row["name"]: belongings.group_create(account=account, **row) for row in data["groups"]}
    wanted = {row["name"]: belongings.conversion_create(account=account, **row) for row in data["conversions"]}
    scripts = {
        row["name"]: belongings.script_write(account=account, name=row["name"], text=row["script"])
        for row in data["scripts"]
    }
    for row in data["domains"]:
        belongings.domain_create(account=account, **row)
        host_provision(account=account, host=row["name"], purpose=Purpose.LINKS)
    for row in data["exclusions"]:
        belongings.entry_create(account=account, listing=Listing.BLACKLIST, value=row["value"])
    for row in reversed(data["links"]):  # the list shows the newest first
        fields = {name: value for name, value in row.items() if name not in OURS}
        datapoint_create(account=account, **{
            **fields,
            "group": groups[row["group"]],
            "conversions": [wanted[name] for name in row.get("conversions", ())],
            "scripts": [scripts[name] for name in row.get("scripts", ())],
            "expiration_date": now - timedelta(days=row["expires"]) if "expires" in row else None,
        })  # fmt: skip
    for row in data["pixels"]:
        datapoint_create(account=account, kind=Kind.PIXEL, **{**row, "group": groups[row["group"]]})
    for row in data["guests"]:
        invite(account, row, groups)


def invite(account: Account, row: dict[str, Any], groups: dict[str, Group]) -> None:
    """A guest who may see some groups and has not accepted: the shop's owner, who would invite, is still to come."""
    guest = guest_create(account=account, email=row["email"], name=row["name"])
    for name in row["groups"]:
        grant_set(membership=guest, kind="group", object_id=groups[name].pk, right=Right.READ)


def make_around(site: Site, now: datetime) -> None:
    """Notes on the graph, alerts, a shared link."""
    data = world()
    for row in data["notes"]:
        note_add(site=site, at=moment(now, row["days"], row["clock"]), text=row["text"])
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


def end_the_month(site: Site) -> None:
    """Pause the links that are over by now."""
    over = [row["alias"] for row in world()["links"] if row.get("paused")]
    for link in Datapoint.objects.filter(account=site.account, alias__in=over):
        datapoint_update(datapoint=link, status=Status.PAUSED)
