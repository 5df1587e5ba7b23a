"""Amounts of money as people, shops and programs write them."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from babel.numbers import get_currency_precision

SYMBOLS = {
    "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH",
    "₫": "VND", "₱": "PHP", "฿": "THB", "₪": "ILS", "₦": "NGN", "zł": "PLN", "R$": "BRL", "A$": "AUD", "C$": "CAD",
    "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "US$": "USD",
}  # fmt: skip
AMOUNT = re.compile(
    r"(?P<sign>[-+\u2212]?)\s*(?P<before>[^\d\s.,+\-\u2212]{0,4})\s*(?P<sign_inside>[-+\u2212]?)\s*"
    r"(?P<number>(?:\d[\d.,'\u2019\s]*|[.,]\d+)(?:[eE][-+]?\d{1,3})?)\s*(?P<after>[^\d\s.,+\-\u2212]{0,4})"
)
SPACES = re.compile(r"['\u2019\s]")
MOST_CHARACTERS = 60


class Amount(NamedTuple):
    """A finite number, and the currency its text names ("" where it names none)."""

    value: float
    currency: str = ""


@lru_cache(maxsize=10_000)
def parse_amount(text: str) -> Amount | None:
    """`19,99`, `1,299.00`, `1.299,00`, `1 299`, `$49`, `EUR 5`, `-3 €`; None for what is no amount.

    The last of two marks is the decimal one. A single comma before exactly three digits separates thousands
    (`1,299`), a single dot never does: programs write decimals with it.
    """
    found = AMOUNT.fullmatch(text[: MOST_CHARACTERS + 1].strip())
    if found is None or len(text) > MOST_CHARACTERS:
        return None
    currency = currency_of(found["before"] or found["after"])
    if currency is None or (found["before"] and found["after"]) or (found["sign"] and found["sign_inside"]):
        return None
    try:
        value = float(plain_number(SPACES.sub("", found["number"])))
    except ValueError:
        return None
    negative = (found["sign"] or found["sign_inside"]) in ("-", "\u2212")
    return Amount(-value if negative else value, currency) if math.isfinite(value) else None


def currency_of(word: str) -> str | None:
    """The code of a symbol or a code; "" without one, None for what is neither."""
    if not word:
        return ""
    code = SYMBOLS.get(word) or word.upper()
    return code if re.fullmatch(r"[A-Z]{3}", code) else None


def plain_number(number: str) -> str:
    """The number with a dot for decimals and nothing between thousands."""
    comma, dot = number.rfind(","), number.rfind(".")
    if comma < 0:
        return number.replace(".", "") if number.count(".") > 1 else number
    if dot < 0:
        whole, *groups = number.split(",")
        thousands = len(groups) > 1 or (len(groups[0]) == 3 and whole.strip("0") != "")
        return number.replace(",", "" if thousands else ".")
    thousands_mark, decimal_mark = (",", ".") if dot > comma else (".", ",")
    return number.replace(thousands_mark, "").replace(decimal_mark, ".")


def currency_decimals(currency: str) -> int:
    """Return how many decimals amounts of a currency have: JPY 0, EUR 2, KWD 3; 2 without a currency."""
    return get_currency_precision(currency) if currency else 2


def round_amount(value: Any, currency: str = "") -> Decimal:
    """Round an amount to the decimals of its currency, half up; None is 0."""
    return Decimal(str(value or 0)).quantize(Decimal(1).scaleb(-currency_decimals(currency)), "ROUND_HALF_UP")
