"""How much one account may have, and who may raise it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from accounts.limits import DEFAULT_LIMITS, account_limit, check_limit
from accounts.models import Account


def test_an_account_has_the_default_until_an_operator_says_otherwise() -> None:
    account = Account(name="A")
    assert {name: account_limit(account, name) for name in DEFAULT_LIMITS} == DEFAULT_LIMITS
    account.limits = {"streams": 3, "sites": 0}
    assert (account_limit(account, "streams"), account_limit(account, "sites")) == (3, 0)
    assert account_limit(account, "monitors") == DEFAULT_LIMITS["monitors"]


@pytest.mark.parametrize("nonsense", ["5", None, -1, True, 2.5, [], {}])
def test_nonsense_in_an_accounts_limits_is_no_limit(nonsense: object) -> None:
    assert account_limit(Account(name="A", limits={"streams": nonsense}), "streams") == DEFAULT_LIMITS["streams"]


def test_a_name_that_is_no_limit_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        account_limit(Account(name="A"), "steams")


def test_the_last_one_is_allowed_and_one_more_is_refused_with_the_number() -> None:
    account = Account(name="A", limits={"monitors": 2})
    check_limit(account, "monitors", used=1, field="url", what="monitors")
    with pytest.raises(ValidationError) as refused:
        check_limit(account, "monitors", used=2, field="url", what="monitors")
    assert refused.value.message_dict == {"url": ["This account may have 2 monitors. Ask the operator for more."]}
