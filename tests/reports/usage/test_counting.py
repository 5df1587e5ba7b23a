"""Usage is counted over sites and links; a quota rejects events above it, and is notified before."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.clients.models import ClientAccount
from accounts.models import Account, User
from accounts.notices.models import Notice
from accounts.plans.models import EventDay
from accounts.services import account_quota_set
from accounts.services.plans import account_plan_set, plan_create
from reports.usage.counting import count_month_again, count_recent_usage
from sites import site_cache
from sites.alerts.models import Alert, Channel, Delivery
from sites.alerts.services import alerts_evaluate
from sites.models import Site
from sites.services import site_create
from tests.support import browse, event, read_html, record
from tests.support.links import Browser, create_link, flush_clicks, refresh_caches
from tests.support.types import Store
from tests.values import require
from tracking.store import Selection

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def limited(account: Account, site: Site, store: Store) -> Account:
    Account.objects.filter(pk=account.pk).update(monthly_events=10)
    return account


def counted(account: Account, now: datetime = NOW) -> tuple[int, bool]:
    count_recent_usage(now=now)
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
    assert counted(limited, now=MARCH + timedelta(days=31))[0] == 0


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
    limited.refresh_from_db()
    assert counted(limited) == (10, False)


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
        count_recent_usage(now=at)
        subjects.append(alerts_evaluate(now=at))
    assert subjects == [0, 1, 0, 1, 0]
    told = list(Delivery.objects.order_by("created").values_list("subject", flat=True))
    assert told == [f"{limited}: 80 % of the quota is used", f"{limited}: the quota is used up"]
    assert require(Delivery.objects.first()).payload["quota"] == 10


def test_an_account_without_a_quota_is_never_notified(account: Account, site: Site, store: Store) -> None:
    Alert.objects.create(site=site, name="Q", condition="quota", parameters={"percent": 80.0})
    count_recent_usage(now=NOW)
    assert alerts_evaluate(now=NOW) == 0


def test_managers_are_told_at_80_and_at_100_percent_once_each(
    limited: Account, site: Site, alice: User, bob: User
) -> None:
    for paths, kinds in ((8, ["quota_near"]), (2, ["quota_near", "quota_used"])):
        browse(site, *[f"/{n}" for n in range(paths)], at=NOW, visitor=paths)
        for _ in range(2):
            counted(limited)
        assert list(Notice.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True)) == kinds
    assert not Notice.objects.filter(user=bob).exists()


def test_recent_days_are_counted_and_earlier_ones_kept_until_the_month_is_counted_again(
    limited: Account, site: Site
) -> None:
    browse(site, "/early", at=MARCH + timedelta(days=3))
    browse(site, "/today", at=NOW, visitor="b")
    assert counted(limited)[0] == 2
    browse(site, "/late", at=MARCH + timedelta(days=3, hours=1), visitor="c")
    browse(site, "/now", at=NOW, visitor="d")
    assert counted(limited)[0] == 3, "only yesterday and today"
    count_month_again(now=NOW)
    assert counted(limited)[0] == 4
    assert dict(EventDay.objects.filter(site=site.pk).values_list("day__day", "events")) == {4: 2, 20: 2}


def test_erased_events_are_counted_no_more(limited: Account, site: Site, store: Store) -> None:
    browse(site, "/a", "/b", at=NOW)
    assert counted(limited)[0] == 2
    store.erase_events(Selection(site.pk, {"path": ["/a", "/b"]}))
    assert counted(limited)[0] == 0


def test_the_month_before_is_counted_again_in_the_first_days_of_the_next(limited: Account, site: Site) -> None:
    browse(site, "/a", at=MARCH - timedelta(days=10))
    count_month_again(now=MARCH + timedelta(days=2))
    assert EventDay.objects.get(site=site.pk).events == 1
    browse(site, "/late", at=MARCH - timedelta(days=10), visitor="b")
    count_month_again(now=MARCH + timedelta(days=5))
    assert EventDay.objects.get(site=site.pk).events == 1


def test_a_day_stays_with_the_account_that_had_the_site_when_it_was_first_counted(
    limited: Account, site: Site, charlies_site: Site
) -> None:
    browse(site, "/a", at=NOW)
    assert counted(limited)[0] == 1
    Site.objects.filter(pk=site.pk).update(account=charlies_site.account)
    browse(site, "/b", at=NOW, visitor="b")
    assert counted(limited)[0] == 2
    browse(site, "/c", at=NOW + timedelta(days=1), visitor="c")
    assert counted(limited, now=NOW + timedelta(days=1))[0] == 2
    charlies_site.account.refresh_from_db()
    assert charlies_site.account.events_used == 1


def test_nothing_is_written_for_accounts_whose_use_does_not_change(limited: Account, site: Site) -> None:
    browse(site, "/a", at=NOW)
    counted(limited)
    with CaptureQueriesContext(connection) as asked:
        count_recent_usage(now=NOW + timedelta(minutes=5))
    assert [query["sql"] for query in asked if not query["sql"].startswith("SELECT")] == []


@pytest.mark.parametrize(("refused_at", "refused_with"), [(100, 10), (120, 12), (0, None)])
def test_the_plan_says_from_which_percentage_on_events_are_rejected(
    account: Account, site: Site, store: Store, refused_at: int, refused_with: int | None
) -> None:
    plan = plan_create(name="Pro", limits={"monthly_events": 10, "events_refused_at": refused_at})
    account_plan_set(account=account, plan=plan)
    refused = {}
    for total in range(1, 15):
        browse(site, f"/{total}", at=NOW, visitor=total)
        refused[total] = counted(account)[1]
    assert [total for total, is_refused in refused.items() if is_refused] == [
        total for total in refused if refused_with is not None and total >= refused_with
    ]


def test_managers_are_told_at_120_percent_that_events_are_rejected_and_the_banner_says_so(
    account: Account, site: Site, store: Store, alice: User, client: Client
) -> None:
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"monthly_events": 10}))
    client.force_login(alice)
    seen = list[tuple[int, bool]]()
    for total in (7, 1, 2, 2):
        browse(site, *[f"/{n}" for n in range(total)], at=NOW, visitor=(total, len(seen)))
        counted(account)
        kinds = list(Notice.objects.filter(user=alice).order_by("pk").values_list("kind", flat=True))
        seen.append((len(kinds), "of this month are used." in read_html(client.get("/sites"))))
    assert seen == [(0, False), (1, False), (2, True), (3, True)]
    assert kinds == ["quota_near", "quota_used", "quota_refused"]
    assert "Further events are rejected until the month ends" in read_html(client.get("/sites"))


def test_guests_and_viewers_see_no_banner(limited: Account, site: Site, bob: User, client: Client) -> None:
    browse(site, *[f"/{n}" for n in range(10)], at=NOW)
    counted(limited)
    client.force_login(bob)
    assert "of this month are used." not in read_html(client.get("/sites"))


def test_links_redirect_and_record_nothing_while_events_are_rejected(limited: Account, site: Site) -> None:
    create_link(limited, "go")
    browse(site, *[f"/{n}" for n in range(10)], at=NOW)
    assert counted(limited) == (10, True)
    refresh_caches()
    answer = Browser().open("/l/go", at=NOW)
    assert (answer.status, answer.location) == (301, "https://shop.test/p")
    flush_clicks()
    assert counted(limited) == (10, True)


@pytest.fixture
def client_account(limited: Account, charlies_site: Site) -> Account:
    """The account of Charlie's site, a client of the limited one."""
    ClientAccount.objects.create(account=charlies_site.account, agency=limited)
    return charlies_site.account


def test_what_a_client_uses_counts_against_the_plan_of_its_agency_and_is_refused_with_it(
    limited: Account, client_account: Account, site: Site, charlies_site: Site
) -> None:
    browse(site, "/a", at=NOW)
    browse(charlies_site, *[f"/{n}" for n in range(9)], at=NOW)
    assert counted(limited) == (10, True) and counted(client_account) == (9, True)


@pytest.mark.parametrize("how", ["plan", "quota"])
def test_a_client_with_a_plan_or_quota_of_its_own_counts_against_that(
    limited: Account, client_account: Account, site: Site, charlies_site: Site, how: str
) -> None:
    if how == "plan":
        account_plan_set(account=client_account, plan=plan_create(name="Own", limits={"monthly_events": 100}))
    else:
        account_quota_set(account=client_account, monthly_events=100)
    browse(site, *[f"/{n}" for n in range(10)], at=NOW)
    browse(charlies_site, *[f"/{n}" for n in range(9)], at=NOW)
    assert counted(limited) == (10, True) and counted(client_account) == (9, False)
