"""Limits of an account: defaults, and how an operator changes them."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.account_limits import DEFAULT_LIMITS, check_limit, get_account_limit
from accounts.models import Account
from accounts.services.plans import plan_create
from sites.models import Site
from sites.services import site_create


def test_an_account_has_the_default_limit_until_an_operator_changes_it() -> None:
    account = Account(name="A")
    assert {name: get_account_limit(account, name) for name in DEFAULT_LIMITS} == DEFAULT_LIMITS
    account.limits = {"streams": 3, "sites": 0}
    assert (get_account_limit(account, "streams"), get_account_limit(account, "sites")) == (3, 0)
    assert get_account_limit(account, "monitors") == DEFAULT_LIMITS["monitors"]


@pytest.mark.parametrize("nonsense", ["5", None, -1, True, 2.5, [], {}])
def test_an_invalid_value_in_an_accounts_limits_is_ignored(nonsense: object) -> None:
    assert get_account_limit(Account(name="A", limits={"streams": nonsense}), "streams") == DEFAULT_LIMITS["streams"]


def test_an_unknown_limit_name_raises_an_error() -> None:
    with pytest.raises(KeyError):
        get_account_limit(Account(name="A"), "steams")


def test_one_object_above_the_limit_is_rejected_with_the_number() -> None:
    account = Account(name="A", limits={"monitors": 2})
    check_limit(account, "monitors", used=1, field="url", what="monitors")
    with pytest.raises(ValidationError) as refused:
        check_limit(account, "monitors", used=2, field="url", what="monitors")
    assert refused.value.message_dict == {"url": ["This account may have 2 monitors. Ask the operator for more."]}


def run(*words: object) -> str:
    output = StringIO()
    call_command("limits", *map(str, words), stdout=output)
    return output.getvalue()


def test_an_operator_sets_and_lists_limits_with_a_command(account: Account, site: Site) -> None:
    assert "sites: 2,000 sites\n" in run(account.pk)
    plan_create(name="Pro")
    output = run(account.name, "sites=1", "clicky_per_minute=0", "plan=Pro")
    assert "sites: 1 sites (default: 2,000)" in output and "plan: Pro" in output
    account.refresh_from_db()
    assert account.limits == {"sites": 1, "clicky_per_minute": 0} and str(account.plan) == "Pro"
    with pytest.raises(ValidationError, match="This account may have 1 sites"):
        site_create(account=account, domain="second.example")
    run(account.pk, "sites=default", "plan=default")
    account.refresh_from_db()
    assert account.limits == {"clicky_per_minute": 0} and account.plan is None
    site_create(account=account, domain="second.example")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("steams=5", "“steams” is not a limit. Use one of: sites, monitors,"),
        ("sites=-1", "“sites” is a whole number from 0 to 1,000,000,000, not “-1”."),
        ("sites=", "not “”"),
        ("sites=many", "not “many”"),
        ("sites=9999999999", "not “9999999999”"),
        ("sites", "Write NAME=NUMBER, such as sites=5000, not sites."),
        ("plan=Pro", "There is no plan “Pro”; there are: none."),
        ("events_refused_at=99", "is a percentage from 100 to 1,000, or 0 for never, not “99”."),
        ("monthly_events=1000000000001", "from 0 to 1,000,000,000,000, not"),
    ],
)
def test_an_invalid_limit_in_the_command_changes_nothing(account: Account, change: str, sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        run(account.pk, "monitors=5", change)
    assert sentence in str(refused.value)
    account.refresh_from_db()
    assert account.limits == {}


def test_an_unknown_account_is_reported(db: None) -> None:
    with pytest.raises(CommandError, match="0 accounts are called Nobody"):
        run("Nobody")
