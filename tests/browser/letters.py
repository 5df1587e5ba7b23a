"""Sent mails as HTML: `python -m tests.browser.letters FOLDER`, with a DATA_DIR of its own.

In a process of its own because the ORM refuses to work in the thread of a browser's event loop.
"""

from __future__ import annotations

import email
import sys
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import django

MONDAY = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)
LONG = "/shop/collections/spring/very-long-name-of-a-product-that-somebody-really-gave-it?variant=4711&color=anthracite"
PLACES = (("Google", "EE"), ("Newsletter", "DE"), ("", "US"), ("news.ycombinator.com", "FR"), ("ChatGPT", "JP"))


def world() -> tuple[Any, Any]:
    """Alice and her site with four weeks of visits and an incident."""
    from django.core.management import call_command

    from accounts.models import Account, Membership, User
    from reports.incident_costs.services import incident_costs_estimate
    from sites.services import site_create
    from sites.uptime.models import Incident
    from sites.uptime.services import monitor_create
    from tracking import spool, store

    call_command("migrate", verbosity=0)
    store.migrate()
    account = Account.objects.create(name="Alice & Co")
    alice = User.objects.create_user("alice@example.com", "correct horse battery")
    Membership.objects.create(user=alice, account=account, role="owner")
    site = site_create(account=account, domain="example.com")
    for one in traffic(site):
        spool.write_event(one)
    spool.flush()
    monitor = monitor_create(site=site, url="https://example.com/", name="Home page")
    start = MONDAY - timedelta(days=1, hours=12)
    cause = "Answered 503; expected 200-399."
    Incident.objects.create(monitor=monitor, start=start, end=start + timedelta(minutes=42), cause=cause)
    incident_costs_estimate(now=MONDAY)
    return alice, site


def traffic(site: Any) -> list[Any]:
    from tests.support import visit

    found = []
    for back in range(1, 29):
        for number in range(3 + (back * 7) % 11):
            source, country = PLACES[(number + back) % len(PLACES)]
            pages = ("/", LONG if number % 2 else "/pricing", "/docs")[: 1 + number % 3]
            at = MONDAY - timedelta(days=back, hours=number - 9)
            found += visit(site, *pages, at=at, visitor=(back, number), source=source, country=country)
    return found


def letters() -> dict[str, Any]:
    """The daily and the weekly report, and an alert."""
    from reports.digests.content import build_digest, find_closed_period
    from reports.digests.message import build_message
    from reports.digests.models import DigestSubscription
    from sites.alerts.condition_registry import AlertNotification
    from sites.alerts.models import Alert, Channel
    from sites.alerts.services import delivery_queue
    from sites.alerts.transports import build_email

    alice, site = world()
    found = {}
    for every in ("day", "week"):
        subscription = DigestSubscription.objects.create(user=alice, frequency=every, attach_csv=True)
        digest = build_digest(site, find_closed_period(every, site.timezone, MONDAY), MONDAY)
        found[f"digest-{every}"] = build_message(subscription, [digest])
    channel = Channel.objects.create(
        account=site.account, kind="email", name="On call", target="ops@example.com", confirmed=MONDAY
    )
    alert = Alert.objects.create(site=site, name="Down", condition="uptime")
    text = f"https://example.com{LONG} has not answered properly since 2026-03-09 04:12 UTC.\nAnswered 503."
    notification = AlertNotification("shown", "Home page is down", text)
    delivery = delivery_queue(channel=channel, notification=notification, now=MONDAY, alert=alert)
    assert delivery is not None
    return {**found, "alert": build_email(delivery)}


def html_of(mail: Any) -> str:
    """What a mail program shows, read back from the message's bytes."""
    from accounts.operations.mailbox import StoredMail

    read = email.message_from_bytes(mail.message().as_bytes(), _class=EmailMessage, policy=policy.default)
    return StoredMail("", 0, MONDAY, read).html


if __name__ == "__main__":
    django.setup()
    from tracking import spool, store

    for name, mail in letters().items():
        Path(sys.argv[1], f"{name}.html").write_text(html_of(mail))
    spool.stop()
    store.close()
