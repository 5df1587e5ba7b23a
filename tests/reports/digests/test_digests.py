"""Digests: the dashboard's numbers, sent once per closed period, unsubscribed with one click."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from goals.services import goal_create
from reports.digests.content import build_digest, find_closed_period
from reports.digests.models import DigestMail, DigestSubscription
from reports.digests.services import digests_send, subscription_save
from sites.models import Site
from sites.services import site_update
from sites.uptime.models import Incident, Monitor
from tests.support import ask, browse
from tests.support.types import Store
from tracking.store import StoreAway, StoreError

MONDAY = datetime(2026, 3, 9, 6, 30, tzinfo=UTC)


@pytest.fixture
def weekly(alice: User, site: Site, store: Store) -> DigestSubscription:
    subscription = subscription_save(user=alice, frequency="week", sites=[], attach_csv=True)
    DigestSubscription.objects.update(created=MONDAY - timedelta(days=30))
    for day in range(7):
        for visitor in range(day + 1):
            at = MONDAY - timedelta(days=7 - day, hours=-3)
            browse(site, "/", "/=cmd()", at=at, visitor=visitor, source="Google", country="EE")
    return subscription


def test_a_digest_has_the_dashboards_numbers(weekly: DigestSubscription, site: Site) -> None:
    digest = build_digest(site, find_closed_period("week", "UTC", MONDAY), MONDAY)
    shown = {line.label: line.formatted.exact for line in digest.key_figures}
    views = ask(site, "views", period="2026-03-02..2026-03-08", now=MONDAY)
    assert shown["Views"] == str(views) == "56"
    assert [count for _, count in digest.bars] == [1, 2, 3, 4, 5, 6, 7]


def first_letter() -> EmailMultiAlternatives:
    letter = mail.outbox[0]
    assert isinstance(letter, EmailMultiAlternatives)
    return letter


def test_a_mail_has_text_html_chart_csv_and_an_unsubscribe_link(weekly: DigestSubscription, site: Site) -> None:
    assert digests_send(now=MONDAY) == 1
    letter = first_letter()
    source = letter.message().as_string()
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in source
    assert f"Content-ID: <chart-{site.pk}>" in source
    html = str(letter.alternatives[0][0])
    assert "Google" in html and "What changed" in html
    assert "Google" in letter.body and "=cmd" in letter.body
    csv = next(part for part in letter.attachments if getattr(part, "filename", None) == "report.csv")
    assert csv.content.startswith("\ufeffsite,")
    assert "Google" in csv.content and ",=cmd" not in csv.content


def test_a_mail_is_sent_once_however_often_the_task_runs(weekly: DigestSubscription) -> None:
    assert [digests_send(now=MONDAY), digests_send(now=MONDAY), digests_send(now=MONDAY + timedelta(hours=2))] == [
        1,
        0,
        0,
    ]


def test_goals_are_listed_with_their_conversions(weekly: DigestSubscription, site: Site) -> None:
    goal_create(site=site, name="Bought", kind="event", pattern="buy")
    for number in range(3):
        browse(site, "/", at=MONDAY - timedelta(days=2), visitor=("buyer", number), kind="event", name="buy")
    digests_send(now=MONDAY)
    assert "Goals\n  Bought: 3" in mail.outbox[0].body


def test_a_worker_killed_while_sending_sends_no_second_mail(
    weekly: DigestSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reports.digests.message.DigestEmail.send", die)
    with pytest.raises(KeyboardInterrupt):
        digests_send(now=MONDAY)
    monkeypatch.undo()
    assert digests_send(now=MONDAY) == 0
    assert DigestMail.objects.get().sent is None


def test_a_digest_that_could_not_be_built_is_retried_and_the_others_are_sent(
    weekly: DigestSubscription, site: Site, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = subscription_save(user=bob, frequency="week", sites=[site], attach_csv=False)
    DigestSubscription.objects.update(created=MONDAY - timedelta(days=30))
    for error in (StoreError("The event store took too long to answer."), RuntimeError("boom")):

        def fail_first(*args: Any, error: Exception = error, calls: list[Any] = [], **named: Any) -> Any:  # noqa: B006
            calls.append(args)
            if len(calls) == 1:
                raise error
            return build_digest(*args, **named)

        monkeypatch.setattr("reports.digests.services.build_digest", fail_first)
        digests_send(now=MONDAY)
        monkeypatch.undo()
    assert [letter.to[0] for letter in mail.outbox] == ["bob@example.com"]
    assert list(DigestMail.objects.values_list("subscription", flat=True)) == [other.pk]
    assert [digests_send(now=MONDAY), digests_send(now=MONDAY)] == [1, 0]
    assert weekly.mails.get().sent == MONDAY


def test_a_store_outage_at_six_loses_no_digest(weekly: DigestSubscription, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> None:
        raise StoreAway("The event store does not answer.")

    monkeypatch.setattr("reports.digests.services.build_digest", away)
    with pytest.raises(StoreAway):
        digests_send(now=MONDAY)
    monkeypatch.undo()
    assert not DigestMail.objects.exists()
    assert digests_send(now=MONDAY + timedelta(minutes=5)) == 1


def test_a_mail_that_could_not_be_sent_records_the_error(
    weekly: DigestSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise ConnectionRefusedError("connection refused")

    monkeypatch.setattr("reports.digests.message.DigestEmail.send", refuse)
    assert digests_send(now=MONDAY) == 0
    assert DigestMail.objects.get().error == "ConnectionRefusedError: connection refused"


def test_incidents_are_listed_in_the_sites_time_zone(
    weekly: DigestSubscription, site: Site, client: Client, alice: User
) -> None:
    site_update(site=site, timezone="Europe/Berlin")
    monitor = Monitor.objects.create(site=site, url="https://example.com/", next_due=MONDAY)
    start = MONDAY.replace(hour=19, minute=9) - timedelta(days=2)
    Incident.objects.create(monitor=monitor, start=start, cause="No answer")
    digests_send(now=MONDAY)
    body, html = str(first_letter().body), str(first_letter().alternatives[0][0])
    assert "7 Mar 20:09" in body and "7 Mar 20:09" in html
    assert len(mail.outbox) == 1 and "19:09" not in body + html


def test_revenue_is_in_the_mail_in_its_currency(weekly: DigestSubscription, site: Site) -> None:
    at = MONDAY - timedelta(days=2)
    browse(site, "/", at=at, visitor="buyer", kind="event", name="buy", revenue=12.5, currency="EUR")
    digests_send(now=MONDAY)
    letter = first_letter()
    assert "Revenue: €12.50" in letter.body and "Revenue" in str(letter.alternatives[0][0])


def test_the_preview_shows_the_chart(client: Client, alice: User, weekly: DigestSubscription, site: Site) -> None:
    client.force_login(alice)
    with time_machine.travel(MONDAY, tick=False):
        page = client.get(reverse("digests:preview", args=[site.pk, "week"]))
    assert 'src="data:image/png;base64,' in page.content.decode() and "cid:" not in page.content.decode()
    assert "img-src 'self' data:" in page.headers["Content-Security-Policy"]


def test_nothing_is_sent_before_six_in_the_sites_time_zone(weekly: DigestSubscription) -> None:
    assert digests_send(now=MONDAY.replace(hour=5)) == 0


def test_one_click_unsubscribes_without_login(client: Client, weekly: DigestSubscription) -> None:
    url = reverse("digests:stop", args=[weekly.unsubscribe_token])
    assert "Stop this report?" in client.get(url).content.decode()
    weekly.refresh_from_db()
    assert weekly.enabled
    client.post(url, {"List-Unsubscribe": "One-Click"})
    weekly.refresh_from_db()
    assert not weekly.enabled
    assert digests_send(now=MONDAY) == 0


@pytest.mark.parametrize("token", ["1", "nonsense", "{pk}", "{pk}.AAAA", "{token}x", "{other}"])
def test_unsubscribe_links_cannot_be_forged(client: Client, weekly: DigestSubscription, token: str) -> None:
    other = f"{weekly.pk + 1}.{weekly.unsubscribe_token.partition('.')[2]}"
    made_up = token.format(pk=weekly.pk, token=weekly.unsubscribe_token, other=other)
    assert client.post(reverse("digests:stop", args=[made_up])).status_code == 404
    weekly.refresh_from_db()
    assert weekly.enabled


def test_unsubscribe_links_work_after_a_key_change(
    client: Client, weekly: DigestSubscription, settings: Settings
) -> None:
    url = reverse("digests:stop", args=[weekly.unsubscribe_token])
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key, long enough for " * 2, [settings.SECRET_KEY]
    assert client.post(url).status_code == 200
    weekly.refresh_from_db()
    assert not weekly.enabled


@pytest.mark.parametrize(
    ("every", "zone", "now", "expected"),
    [
        ("day", "Pacific/Auckland", datetime(2026, 3, 1, 12, tzinfo=UTC), ("2026-03-01", "2026-03-01")),
        ("week", "UTC", datetime(2026, 3, 8, 23, tzinfo=UTC), ("2026-02-23", "2026-03-01")),
        ("month", "America/St_Johns", datetime(2026, 3, 1, 3, tzinfo=UTC), ("2026-01-01", "2026-01-31")),
    ],
)
def test_the_closed_period_follows_the_time_zone(every: str, zone: str, now: Any, expected: Any) -> None:
    period = find_closed_period(every, zone, now)
    assert (str(period.first_day), str(period.last_day)) == expected


def test_a_site_without_visits_says_what_to_do(alice: User, site: Site, store: Store) -> None:
    subscription_save(user=alice, frequency="day", sites=[site], attach_csv=False)
    DigestSubscription.objects.update(created=MONDAY - timedelta(days=30))
    digests_send(now=MONDAY)
    assert "Is the tracking code in the pages?" in mail.outbox[0].body


def test_a_reader_without_access_gets_no_mail_about_the_site(charlie: User, site: Site, store: Store) -> None:
    subscription_save(user=charlie, frequency="day", sites=[site], attach_csv=False)
    DigestSubscription.objects.update(created=MONDAY - timedelta(days=30))
    assert digests_send(now=MONDAY) == 0


def test_subscriptions_are_created_and_deleted_on_their_page(
    client: Client, alice: User, charlie: User, site: Site, store: Store
) -> None:
    client.force_login(alice)
    client.post(reverse("digests:list"), {"every": "day", "sites": [str(site.pk)]})
    page = client.get(reverse("digests:list")).content.decode()
    assert "Every day" in page
    url = reverse("digests:preview", args=[site.pk, "week"])
    assert client.get(url).status_code == 200
    client.force_login(charlie)
    assert client.get(url).status_code == 404
    client.post(reverse("digests:delete", args=[DigestSubscription.objects.get().pk]))
    assert DigestSubscription.objects.exists()
