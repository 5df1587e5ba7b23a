"""Plans of the operator: limits under a name, which their accounts have at once."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.account_limits import DEFAULT_LIMITS, get_account_limit, get_event_quota
from accounts.audit.models import AuditEntry
from accounts.models import Account, Membership, Role, User
from accounts.notices.models import Notice
from accounts.notices.selectors import format_notice
from accounts.plans.models import Plan
from accounts.services import user_create
from accounts.services.invitations import invitation_create
from accounts.services.members import member_access_set
from accounts.services.plans import account_plan_set, plan_create, plan_delete, plan_update
from accounts.services.sso import sso_login_record
from accounts.sso.models import SsoConnection
from sites import site_cache
from sites.models import Site
from tests.conftest import PASSWORD
from tests.support import read_html


@pytest.fixture
def operator(client: Client, alice: User) -> Client:
    alice.is_operator = True
    alice.save()
    client.force_login(alice)
    return client


def limits_of(account: Account, *names: str) -> tuple[int, ...]:
    """The account's limits now, as another process reads them."""
    fresh = Account.objects.get(pk=account.pk)
    return tuple(get_account_limit(fresh, name) for name in names)


def test_an_account_has_its_own_limit_else_that_of_its_plan_else_the_default(account: Account) -> None:
    plan = plan_create(name="Pro", limits={"sites": 50, "monitors": 5})
    account_plan_set(account=account, plan=plan)
    Account.objects.filter(pk=account.pk).update(limits={"monitors": 7})
    assert limits_of(account, "sites", "monitors", "alerts") == (50, 7, DEFAULT_LIMITS["alerts"])
    account_plan_set(account=account, plan=None)
    assert limits_of(account, "sites", "monitors") == (DEFAULT_LIMITS["sites"], 7)


def test_a_change_of_a_plan_holds_at_once_for_its_accounts_and_no_others(account: Account, charlies_site: Site) -> None:
    pro, free = plan_create(name="Pro", limits={"sites": 50}), plan_create(name="Free", limits={"sites": 1})
    account_plan_set(account=account, plan=pro)
    account_plan_set(account=charlies_site.account, plan=free)
    plan_update(plan=pro, limits={"sites": 60, "guests": 3})
    assert limits_of(account, "sites", "guests") == (60, 3)
    assert limits_of(charlies_site.account, "sites", "guests") == (1, DEFAULT_LIMITS["guests"])
    plan_update(plan=pro, limits={"sites": None})
    assert limits_of(account, "sites", "guests") == (DEFAULT_LIMITS["sites"], 3)


def test_queries_to_the_event_store_follow_the_plan(account: Account, site: Site) -> None:
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"queries": 2}))
    site_cache.refresh_accounts()
    assert site_cache.find_account_limits(site.pk)[1]["queries"] == 2


def test_a_quota_of_the_accounts_own_comes_before_its_plans(account: Account) -> None:
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"monthly_events": 1_000}))
    assert get_event_quota(account) == 1_000
    account.monthly_events = 5
    assert get_event_quota(account) == 5


def test_a_new_plan_refuses_events_and_calls_at_120_percent_unless_it_says_otherwise(db: None) -> None:
    assert plan_create(name="Pro").limits == {"events_refused_at": 120, "api_calls_refused_at": 120}
    free = plan_create(name="Free", limits={"events_refused_at": 0, "api_calls_refused_at": None})
    assert free.limits == {"events_refused_at": 0}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": ""}, "This field cannot be blank."),
        ({"name": "Pro"}, "Plan with this Name already exists."),
        ({"name": "x" * 61}, "at most 60 characters"),
        ({"name": "New", "limits": {"steams": 1}}, "“steams” is not a limit."),
        ({"name": "New", "limits": {"sites": -1}}, "from 0 to 1,000,000,000"),
        ({"name": "New", "limits": {"events_refused_at": 50}}, "is a percentage from 100 to 1,000, or 0 for never"),
    ],
)
def test_an_invalid_plan_is_rejected(db: None, fields: Mapping[str, object], sentence: str) -> None:
    plan_create(name="Pro")
    with pytest.raises(ValidationError) as refused:
        plan_create(**fields)  # type: ignore[arg-type]
    assert sentence in " ".join(refused.value.messages)


def test_a_plan_that_accounts_have_cannot_be_deleted(account: Account) -> None:
    plan = plan_create(name="Pro")
    account_plan_set(account=account, plan=plan)
    with pytest.raises(ValidationError, match="1 accounts have this plan"):
        plan_delete(plan=plan)
    account_plan_set(account=account, plan=None)
    plan_delete(plan=plan)
    assert not Plan.objects.exists()


def test_plans_and_who_has_them_are_in_the_audit_log(account: Account) -> None:
    plan = plan_create(name="Pro", limits={"sites": 5})
    plan_update(plan=plan, limits={"sites": 6})
    for _ in range(2):
        account_plan_set(account=account, plan=plan)
    account_plan_set(account=account, plan=None)
    plan_delete(plan=plan)
    entries = AuditEntry.objects.order_by("pk").values_list("action", "account", "changes")
    told = [(action, number) for action, number, _ in entries]
    mine = account.pk
    assert told[-7:] == [
        ("plan.created", None), ("plan.changed", None), ("account.plan_changed", mine), ("account.plan_changed", None),
        ("account.plan_changed", mine), ("account.plan_changed", None), ("plan.deleted", None),
    ]  # fmt: skip
    assert [changes for action, number, changes in entries if (action, number) == ("account.plan_changed", mine)] == [
        {"plan": [None, "Pro"]}, {"plan": ["Pro", None]},
    ]  # fmt: skip


def run(*words: object) -> str:
    output = StringIO()
    call_command("plans", *map(str, words), stdout=output)
    return output.getvalue()


def test_an_operator_writes_and_assigns_plans_with_a_command(account: Account) -> None:
    assert run() == ""
    created = run("Pro", "sites=50", "--create", "--description", "For agencies", "--account", account.pk)
    assert created.startswith("Pro (accounts: 1) For agencies\n  sites: 50 sites\n")
    assert limits_of(account, "sites") == (50,)
    assert run("Pro", "sites=default", "seats=3").startswith("Pro (accounts: 1) For agencies\n  seats: 3 members,")
    assert limits_of(account, "sites", "seats") == (DEFAULT_LIMITS["sites"], 3)
    assert run() == run("Pro")
    run("Pro", "--remove-from", account.name)
    run("Pro", "--delete")
    assert not Plan.objects.exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Pro"], "There is no plan “Pro”; there are: Free."),
        (["Free", "sites=many"], "Write LIMIT=NUMBER, such as sites=50, not sites=many."),
        (["Free", "steams=5"], "“steams” is not a limit."),
        (["Free", "--account", "Nobody"], "0 accounts are called Nobody"),
        (["Free", "--remove-from", "Alice & Co"], "does not have the plan Free"),
        (["Free", "--create"], "already exists"),
    ],
)
def test_a_wrong_command_is_explained(account: Account, words: list[str], sentence: str) -> None:
    plan_create(name="Free")
    with pytest.raises(CommandError) as refused:
        run(*[account.name if word == "Alice & Co" else word for word in words])
    assert sentence in str(refused.value)


def test_the_operators_pages_create_change_give_and_delete_a_plan(operator: Client, account: Account) -> None:
    assert "There is no plan yet." in read_html(operator.get("/operations/plans"))
    form = {"name": "Pro", "description": "For agencies", "limit_sites": "50", "limit_events_refused_at": "0"}
    assert operator.post("/operations/plans/new", form)["Location"] == "/operations/plans"
    plan = Plan.objects.get()
    assert plan.limits == {"sites": 50, "events_refused_at": 0}
    listed = read_html(operator.get("/operations/plans"))
    assert "50 sites" in listed and "events rejected never" in listed
    page = operator.get(f"/operations/plans/{plan.pk}").content.decode()
    assert 'name="limit_sites" value="50"' in page and "Delete the plan" in page
    operator.post(f"/operations/plans/{plan.pk}", {**form, "name": "Agency", "limit_sites": ""})
    plan.refresh_from_db()
    assert (plan.name, plan.limits) == ("Agency", {"events_refused_at": 0})
    operator.post(f"/operations/accounts/{account.pk}/plan", {"plan": plan.pk})
    account.refresh_from_db()
    assert account.plan == plan
    assert "Agency" in read_html(operator.get("/operations/accounts"))
    operator.post(f"/operations/plans/{plan.pk}/delete")
    assert Plan.objects.exists()
    operator.post(f"/operations/accounts/{account.pk}/plan", {"plan": ""})
    operator.post(f"/operations/plans/{plan.pk}/delete")
    assert not Plan.objects.exists()


def test_a_form_of_a_plan_says_what_is_wrong(operator: Client) -> None:
    answer = read_html(operator.post("/operations/plans/new", {"name": "Pro", "limit_events_refused_at": "50"}))
    assert "is a percentage from 100 to 1,000, or 0 for never, not “50”." in answer
    assert not Plan.objects.exists()


def test_a_plan_that_does_not_exist_cannot_be_given(operator: Client, account: Account) -> None:
    operator.post(f"/operations/accounts/{account.pk}/plan", {"plan": "99"})
    account.refresh_from_db()
    assert account.plan is None


def test_members_and_invited_people_take_seats_and_guests_do_not(account: Account, alice: User, bob: User) -> None:
    by, guest = Membership.objects.get(user=alice), Membership.objects.get(user=bob)
    account_plan_set(account=account, plan=plan_create(name="Pro", limits={"seats": 2}))
    invitation_create(account=account, email="carol@example.org", role=Role.VIEWER, by=by)
    invitation_create(account=account, email="carol@example.org", role=Role.EDITOR, by=by)
    invitation_create(account=account, email="guest@example.org", role=Role.GUEST, by=by)
    with pytest.raises(ValidationError, match="This account may have 2 members"):
        invitation_create(account=account, email="dora@example.org", role=Role.VIEWER, by=by)
    with pytest.raises(ValidationError, match="This account may have 2 members"):
        member_access_set(membership=guest, by=by, role=Role.VIEWER)
    guest.refresh_from_db()
    assert guest.role == Role.GUEST


def test_an_accounts_members_stay_when_its_plan_has_fewer_seats(account: Account, alice: User) -> None:
    carol = user_create(email="carol@example.com", password=PASSWORD)
    member = Membership.objects.create(user=carol, account=account, role=Role.EDITOR)
    account_plan_set(account=account, plan=plan_create(name="Solo", limits={"seats": 1}))
    member_access_set(membership=member, by=Membership.objects.get(user=alice), role=Role.VIEWER)
    assert Membership.objects.get(user=carol).role == Role.VIEWER


def test_names_of_plans_that_accounts_had_become_plans_at_the_upgrade(account: Account, charlies_site: Site) -> None:
    for row, limits in ((account, {"plan": "Pro", "sites": 5}), (charlies_site.account, {"plan": "Pro"})):
        Account.objects.filter(pk=row.pk).update(limits=limits)
    import_module("accounts.migrations.0013_plans").create_named_plans(apps, None)
    plan = Plan.objects.get()
    assert (plan.name, plan.limits, plan.accounts.count()) == ("Pro", {}, 2)
    account.refresh_from_db()
    assert account.limits == {"sites": 5}


def test_notices_of_quotas_say_what_they_said_before_the_upgrade(account: Account, alice: User) -> None:
    for kind, values in (("quota_near", {"percent": 80, "quota": "9"}), ("quota_used", {"quota": "9"})):
        Notice.objects.create(user=alice, account=account, kind=kind, key=kind, values=values, created=account.created)
    import_module("accounts.notices.migrations.0002_words_of_quotas").add_words(apps, None)
    sentences = {format_notice(notice).sentence.strip() for notice in Notice.objects.all()}
    assert sentences == {
        "80% of the 9 events of this month are used.",
        "All 9 events of this month are used. Further hits are rejected until the month ends.",
    }


def test_single_sign_on_makes_nobody_a_member_without_a_free_seat(account: Account, alice: User) -> None:
    connection = SsoConnection.objects.create(account=account, issuer="https://login.example", client_id="c")
    account_plan_set(account=account, plan=plan_create(name="Solo", limits={"seats": 2}))
    joined = []
    for name in ("carol", "dora"):
        user = user_create(email=f"{name}@example.org", password=PASSWORD)
        joined.append(sso_login_record(connection=connection, user=user, now=account.created))
    assert [membership is not None for membership in joined] == [True, False]
    refused = AuditEntry.objects.get(action="sso.refused").changes
    assert refused["reason"][1] == "This account may have 2 members. Ask the operator for more."
