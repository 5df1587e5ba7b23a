"""An order of rows of many accounts in which no account waits for all rows of another."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber


def rank_by_account(rows: QuerySet[Any], account: str, order: str) -> QuerySet[Any]:
    """Annotate rows with their `rank` within their account (1 = first by `order`) and sort by it: every account's
    first row, then every account's second, …

    `account` is the lookup of the account's id, such as "site__account_id"; `order` is one column, "-" for descending.
    """
    column = F(order[1:]).desc() if order.startswith("-") else F(order).asc()
    rank = Window(RowNumber(), partition_by=F(account), order_by=[column, F("pk").asc()])
    return rows.annotate(rank=rank).order_by("rank", order)
