"""Quotas are counted over sites and links, reject events above them, and are notified before."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, User
from accounts.notices.models import Notice
from config.process import rotate_salts
from reports.quotas import count_quotas, count_usage
from sites import site_cache
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alerts_evaluate
from sites.models import Site
from sites.services import site_create
from tests.support import browse, event, read_html, record, state
from tests.support.types import Store
from tests.values import require

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def limited(account: Account, site: Site, store: Store) -> Account:
    Account.objects.filter(pk=account.pk).update(monthly_events=10)
    return account


def counted(account: Account, now: datetime = NOW) -> tuple[int, bool]:
    count_quotas(now=now)
    account.refresh_from_db()
    return account.events_used, account.over_quota


def test_all_sites_and_links_of_the_account_count_and_pings_do_not(limited: Account, site: Site) -> None:
    other = site_create(account=limited, domain="second.example")
    browse(site, "/a", "/b", at=NOW)
    browse(other, "/a", at=NOW)
    record(event(limited.pk, at=NOW, kind="link"), event(site, at=NOW, kind="ping"))
    assert counted(limited) == (4, False)


def test_only_the_current_month_counts(limited: Account, site: Site) -> None:
    browse(site, "/before", at=MARCH - timedelta(seconds=1))
    browse(site, "/first", at=MARCH, visitor="other")
    assert counted(limited)[0] == 1
    assert counted(limited, now=MARCH - timedelta(minutes=1))[0] == 1
    assert count_usage([limited], MARCH + timedelta(days=31)) == {limited.pk: 0}


def test_a_used_up_quota_rejects_hits_until_the_next_month(limited: Account, site: Site) -> None:
    browse(site, *[f"/{n}" for n in range(10)], at=NOW)
    assert counted(limited) == (10, True)
    site_cache.refresh()
    assert require(site_cache.get_site(site.pk)).refuses_hits
    assert counted(limited, now=MARCH + timedelta(days=31)) == (0, False)
    site_cache.refresh()
    assert not require(site_cache.get_site(site.pk)).refuses_hits


def test_another_account_s_events_are_not_counted(limited: Account, charlies_site: Site) -> None:
    browse(charlies_site, "/a", at=NOW)
    assert counted(limited)[0] == 0


def test_removing_a_quota_accepts_hits_again(limited: Account, site: Site) -> None:
    browse(site, *[f"/{n}" for n in range(10)], at=NOW)
    assert counted(limited)[1]
    call_command("quota", str(limited.pk), "0", stdout=StringIO())
    assert counted(limited) == (0, False)


def test_the_command_shows_and_sets_quotas_and_rejects_invalid_ones(limited: Account) -> None:
    out = StringIO()
    call_command("quota", limited.name, "5000", stdout=out)
    assert "may record 5,000 events a month" in out.getvalue()
    for wrong in (["nobody"], [limited.name, "-1"]):
        with pytest.raises(CommandError):
            call_command("quota", *wrong)


def test_a_low_quota_is_notified_once_and_again_when_it_is_used_up(limited: Account, site: Site) -> None:
    hook = Channel.objects.create(account=limited, kind="webhook", name="ops", target="http://127.0.0.1:1/")
    alert = Alert.objects.create(
        site=site, name="Q", condition="quota", parameters={"percent": 80.0}, throttle_minutes=0
    )
    alert.channels.add(hook)
    subjects = []
    for count, at in ((7, NOW), (1, NOW), (0, NOW), (2, NOW), (0, NOW + timedelta(days=1))):
        browse(site, *[f"/{n}" for n in range(count)], at=at, visitor=(count, at)) if count else None
        count_quotas(now=at)
        subjects.append(alerts_evaluate(now=at))
    assert subjects == [0, 1, 0, 1, 0]
    told = list(Delivery.objects.order_by("created").values_list("subject", flat=True))
    assert told == [f"{limited}: 80 % of the quota is used", f"{limited}: the quota is used up"]
    assert require(Delivery.objects.first()).payload["quota"] == 10


def test_an_account_without_a_quota_is_never_notified(account: Account, site: Site, store: Store) -> None:
    Alert.objects.create(site=site, name="Q", condition="quota", parameters={"percent": 80.0})
    assert count_quotas(now=NOW) == 0
    assert alerts_evaluate(now=NOW) == 0


def test_the_account_page_shows_what_is_used(limited: Account, site: Site, client: Client, alice: User) -> None:
    browse(site, "/a", "/b", at=NOW)
    count_quotas(now=NOW)
    client.force_login(alice)
    page = read_html(client.get("/account"))
    assert "2 of 10 (20 %)" in page


def test_old_salts_are_destroyed_without_any_traffic(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    state.restart()
    for day in range(1, 6):
        rotate_salts(now=datetime(2026, 3, day, 1, tzinfo=UTC))
        rotate_salts(now=datetime(2026, 3, day, 2, tzinfo=UTC))
    first = state.current().get_salt(date(2026, 3, 5))
    text = (tmp_path / "salts.json").read_text()
    assert "2026-03-04" in text and "2026-03-05" in text and "2026-03-03" not in text
    assert state.restart().get_salt(date(2026, 3, 5)) == first


def test_managers_are_told_at_80_and_at_100_percent_once_each(
    limited: Account, site: Site, alice: User, bob: User
) -> None:
    for paths, kinds in ((8, ["quota_near"]), (2, ["quota_near", "quota_used"])):
        browse(site, *[f"/{n}" for n in range(paths)], at=NOW, visitor=paths)
        for _ in range(2):
            counted(limited)
        assert list(Notice.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True)) == kinds
    assert not Notice.objects.filter(user=bob).exists()
