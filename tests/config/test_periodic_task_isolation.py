"""A broken row of one account does not stop any periodic task from doing its work for the others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.utils.module_loading import import_string
from pytest_django import Settings

from accounts.audit.chain import entries_seal
from accounts.audit.models import AuditChain, AuditEntry, AuditSeal
from accounts.audit.recording import record_event
from accounts.audit.retention import permit_deletion
from accounts.custom_domains import claim_checks
from accounts.custom_domains.services import claim_record_lookup
from accounts.models import Account, HostClaim, User
from accounts.run_each import run_each
from accounts.services.usage import account_usage_set
from config.periodic_tasks import PERIODIC_TASKS
from goals import discovery
from goals.models import Goal
from goals.services import manual_goal_ensure
from links.models import Datapoint, Destination
from links.services.links import datapoint_create
from reports.digests.models import DigestMail, DigestSubscription
from reports.digests.services import subscription_save
from reports.incident_costs.models import IncidentPrice
from reports.query import Period
from reports.query.rollups.read import read_published_days
from reports.usage import counting
from sites import site_cache
from sites.alerts.condition_registry import AlertNotification
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import delivery_queue
from sites.models import Site
from sites.services import site_update
from sites.uptime import services
from sites.uptime.models import Incident, Monitor
from tests.config import account_task_cases
from tests.support import browse, event, record
from tests.support.misbehaving_server import misbehaving
from tests.support.types import Store
from tracking.store import Selection, StoreAway, corrections, move

NOW = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)  # a Monday, half an hour after reports leave
DAY = timedelta(days=1)

# Why no tenant can be in the way of others there
WITHOUT_TENANTS = {
    "heartbeat": "reads and writes one number in the cache",
    "old uptime history": "is one DELETE by age, over all rows",
    "old notices": "is one DELETE by age, over all notices",
    "expired links": "is one UPDATE by date, over all links",
    "usage of the month": "counts all sites by statements over many",
    "old usage": "is one DELETE by age, over all days",
    "old billing deliveries": "is one DELETE by age, over what was sent to the operator",
    "old idempotency keys": "is one DELETE by age, over all requests",
    "expired sessions": "is one DELETE by age, over all sessions",
    "old mail files": "looks at the age of files alone",
    "widgets that are over": "is one DELETE by age, over all open widgets",
    "salts": "makes the day's salt, which belongs to nobody",
}


@pytest.fixture
def world(
    alice: User,
    site: Site,
    charlie: User,
    charlies_site: Site,
    store: Store,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    """Alice's site and charlie's, whose rows are broken; charlie's always come first."""
    from dataclasses import replace

    settings.ENV = replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as server:
        found = SimpleNamespace(
            alice=alice, site=site, charlie=charlie, other=charlies_site, server=server, store=store,
            settings=settings, monkeypatch=monkeypatch,
        )  # fmt: skip
        yield found


def gone_zone(world: Any) -> None:
    """Charlie's time zone is one that no longer exists."""
    Site.objects.filter(pk=world.other.pk).update(timezone="Nowhere/Gone")
    site_cache.forget()
    site_cache.refresh()


def hook(site: Site, target: str) -> Channel:
    return Channel.objects.create(account=site.account, kind="webhook", name="ops", target=target)


def uptime(world: Any) -> Callable[[], bool]:
    for site, headers in ((world.other, ["no", "dictionary"]), (world.site, {})):
        Monitor.objects.create(site=site, url=f"{world.server.base}/ok", next_due=NOW, headers=headers)
    return lambda: Monitor.objects.get(site=world.site).state == "up"


def custom_domains(world: Any) -> Callable[[], bool]:
    """Charlie's name server says what breaks the writing down."""
    for site in (world.other, world.site):
        HostClaim.objects.create(account=site.account, host=f"go.{site.domain}", purpose="links", next_check=NOW)
    world.monkeypatch.setattr(claim_checks, "look_up_named_accounts", lambda host: frozenset({world.site.account_id}))
    write = claim_record_lookup

    def broken(*args: Any, claim: HostClaim, **more: Any) -> Any:
        if claim.account_id == world.other.account_id:
            raise ValueError("no such row")
        return write(*args, claim=claim, **more)

    world.monkeypatch.setattr(claim_checks, "claim_record_lookup", broken)
    return lambda: HostClaim.objects.get(account=world.site.account, purpose="links").verified is not None


def missed_incident_notifications(world: Any) -> Callable[[], bool]:
    for site in (world.other, world.site):
        monitor = Monitor.objects.create(site=site, url="https://x.example/", next_due=NOW + DAY)
        Incident.objects.create(monitor=monitor, start=NOW - timedelta(hours=1), cause="It broke.")
    build_notification = services.build_incident_notification

    def broken(incident: Incident) -> Any:
        if incident.monitor.site_id == world.other.pk:
            raise ValueError("no words for this one")
        return build_notification(incident)

    world.monkeypatch.setattr(services, "build_incident_notification", broken)
    told = Alert.objects.create(site=world.site, name="x", condition="uptime")
    told.channels.add(hook(world.site, "https://x.example/"))
    return lambda: Delivery.objects.filter(alert=told).exists()


def incident_costs(world: Any) -> Callable[[], bool]:
    gone_zone(world)
    for site in (world.other, world.site):
        monitor = Monitor.objects.create(site=site, url="https://x.example/", next_due=NOW + DAY)
        Incident.objects.create(monitor=monitor, start=NOW - timedelta(hours=1), cause="It broke.")
    return lambda: IncidentPrice.objects.filter(incident__monitor__site=world.site).exists()


def link_destinations(world: Any) -> Callable[[], bool]:
    for site in (world.other, world.site):
        Alert.objects.create(site=site, name="x", condition="link", parameters={"contains": ""})
        datapoint_create(account=site.account, alias=f"a{site.pk}", url=f"{world.server.base}/status/404")
    broken = Datapoint.objects.filter(account=world.other.account)
    broken.update(url="http://exa\u2100mple.com/")
    return lambda: Destination.objects.filter(datapoint__account=world.site.account, cause="It answers 404.").exists()


def alerts(world: Any) -> Callable[[], bool]:
    Alert.objects.create(site=world.other, name="x", condition="goal", parameters={})
    told = Alert.objects.create(site=world.site, name="x", condition="silence", parameters={"hours": 6})
    told.channels.add(hook(world.site, "https://x.example/"))
    browse(world.site, "/", at=NOW - timedelta(hours=7))
    return lambda: Delivery.objects.filter(alert=told).exists()


def deliveries(world: Any) -> Callable[[], bool]:
    for site, target in ((world.other, "https://0177.0.0.1/"), (world.site, f"{world.server.base}/ok")):
        delivery_queue(channel=hook(site, target), notification=AlertNotification("k", "s", "t"), now=NOW)
    return lambda: Delivery.objects.get(channel__account=world.site.account).state == "sent"


def named_goals(world: Any) -> Callable[[], bool]:
    appear = manual_goal_ensure

    def broken(*, site: Site, name: str) -> Any:
        if site.pk == world.other.pk:
            raise ValueError("the database does not take this name")
        return appear(site=site, name=name)

    world.monkeypatch.setattr(discovery, "manual_goal_ensure", broken)
    for site in (world.other, world.site):
        record(event(site, at=NOW - timedelta(minutes=1), kind="goal", name="Signed up"))
    return lambda: Goal.objects.filter(site=world.site, name="Signed up").exists()


def recently_named_goals(world: Any) -> Callable[[], bool]:
    return named_goals(world)


def rollups(world: Any) -> Callable[[], bool]:
    world.settings.ROLLUPS_ABOVE_ROWS = 0
    for site in (world.other, world.site):
        browse(site, "/", at=NOW - 3 * DAY)
    gone_zone(world)
    period = Period(NOW - 5 * DAY, NOW, "UTC")
    return lambda: len(read_published_days(world.site.pk, "UTC", period)) > 0


def usage(world: Any) -> Callable[[], bool]:
    Account.objects.update(monthly_events=10)
    set_usage = account_usage_set

    def broken(*, account: Account, **fields: Any) -> Any:
        if account.pk == world.other.account_id:
            raise ValueError("this account cannot be stored")
        return set_usage(account=account, **fields)

    world.monkeypatch.setattr(counting, "account_usage_set", broken)
    browse(world.site, "/", at=NOW)
    return lambda: Account.objects.get(pk=world.site.account_id).events_used == 1


def retention(world: Any) -> Callable[[], bool]:
    browse(world.site, "/", at=NOW - 200 * DAY)
    browse(world.other, "/", at=NOW - 200 * DAY)
    site_update(site=world.site, retention_months=1)
    site_cache.forget()
    site_cache.refresh()
    sites = site_cache.list_sites()
    broken = [replace(site, retention_months=2**31) if site.site_id == world.other.pk else site for site in sites]
    world.monkeypatch.setattr(site_cache, "list_sites", lambda: broken)  # the database refuses such a number
    return lambda: world.store.rows("SELECT DISTINCT site_id AS site FROM events") == [{"site": world.other.pk}]


def interrupted_corrections(world: Any) -> Callable[[], bool]:
    rebuild, broken = corrections.rebuild_derived_rows, list[int]()

    def stop(host: Any, job: int) -> None:
        broken.append(job)
        raise ZeroDivisionError

    for site in (world.other, world.site):
        browse(site, "/a", at=NOW)
    world.monkeypatch.setattr(corrections, "rebuild_derived_rows", stop)
    for site in (world.other, world.site):
        with pytest.raises(ZeroDivisionError):
            world.store.erase_events(Selection(site.pk, {"path": ["/a"]}))

    def carry(host: Any, job: int) -> None:
        if job == broken[0]:
            raise ValueError("this one cannot be finished")

    world.monkeypatch.setattr(corrections, "rebuild_derived_rows", rebuild)
    world.monkeypatch.setattr(move, "_copy_claimed_rows", carry)
    world.monkeypatch.setattr(move, "ABANDONED_SECONDS", 0)
    return lambda: {row["job"] for row in world.store.rows("SELECT DISTINCT job FROM corrections")} == {broken[0]}


def digests(world: Any) -> Callable[[], bool]:
    gone_zone(world)
    for user in (world.charlie, world.alice):
        subscription_save(user=user, frequency="week", sites=[], attach_csv=False)
    DigestSubscription.objects.update(created=NOW - 30 * DAY)
    browse(world.site, "/", at=NOW - 3 * DAY)
    return lambda: [letter.to for letter in mail.outbox] == [["alice@example.com"]]


def write_old_entries(world: Any) -> None:
    """Both accounts have old entries in their audit logs; no SECRET_KEY decrypts the key of charlie's chain."""
    for site in (world.other, world.site):
        record_event("site.changed", site, changes={"name": ("a", "b")})
        entries = AuditEntry.objects.filter(account=site.account)
        with permit_deletion():
            AuditSeal.objects.filter(entry_id__in=entries.values("pk")).delete()
            entries.delete()
        AuditEntry(
            account=site.account, at=NOW - 500 * DAY, action="site.changed", actor_type="system", via="task"
        ).save()
    chain = AuditChain._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {chain} SET key = 'gAAAAno' WHERE id = %s", [world.other.account_id])


def seals_of_the_audit_log(world: Any) -> Callable[[], bool]:
    write_old_entries(world)
    return lambda: AuditSeal.objects.filter(chain_id=world.site.account_id).exists()


def old_entries_of_the_audit_log(world: Any) -> Callable[[], bool]:
    write_old_entries(world)
    entries_seal(now=NOW)
    return lambda: not AuditEntry.objects.filter(account=world.site.account, at__lt=NOW - 400 * DAY).exists()


# Each makes charlie's row broken and alice's whole, and gives back whether alice's was done
WITH_TENANTS: dict[str, Callable[[Any], Callable[[], bool]]] = {
    made.__name__.replace("_", " "): made
    for made in (
        custom_domains, uptime, missed_incident_notifications, incident_costs, link_destinations, alerts, deliveries,
        named_goals, recently_named_goals, rollups,
        usage, retention, interrupted_corrections, digests, seals_of_the_audit_log, old_entries_of_the_audit_log,
    )
} | account_task_cases.CASES  # fmt: skip


def test_every_periodic_task_has_a_case_here() -> None:
    assert set(WITH_TENANTS) | set(WITHOUT_TENANTS) == {row.name for row in PERIODIC_TASKS}
    assert not set(WITH_TENANTS) & set(WITHOUT_TENANTS)


@pytest.mark.parametrize("name", sorted(WITH_TENANTS))
def test_a_broken_row_of_one_account_does_not_stop_the_work_for_others(world: Any, name: Any) -> None:
    done = WITH_TENANTS[name](world)
    assert not done()
    [row] = [row for row in PERIODIC_TASKS if row.name == name]
    function = import_string(row.path)
    function() if name == "interrupted corrections" else function(now=NOW)
    assert done()


def test_a_database_outage_is_reported_once_and_not_per_account() -> None:
    asked = []

    def job(number: int) -> None:
        asked.append(number)
        raise OperationalError("the database is away") if number else StoreAway("the store is away")

    with pytest.raises(OperationalError):
        run_each([1, 2, 3], job, what="Row")
    with pytest.raises(StoreAway):
        run_each([0, 2, 3], job, what="Row", stop_for=(StoreAway,))
    assert asked == [1, 0]


def test_a_digest_that_failed_because_of_the_store_is_sent_later(
    alice: User, site: Site, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription_save(user=alice, frequency="week", sites=[], attach_csv=False)
    DigestSubscription.objects.update(created=NOW - 30 * DAY)
    send = import_string("reports.digests.services.digests_send")
    with monkeypatch.context() as away:

        def refuse(*_: Any) -> None:
            raise StoreAway("The event store is away.")

        away.setattr("reports.digests.services.build_digest", refuse)
        with pytest.raises(StoreAway):
            send(now=NOW)
    assert not DigestMail.objects.exists()
    assert send(now=NOW) == 1
