"""Parsing of amounts of money as people, shops and programs write them, and rounding."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from babel.numbers import get_currency_precision

CURRENCY_SYMBOLS = {
    "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₩": "KRW", "₽": "RUB", "₺": "TRY", "₴": "UAH",
    "₫": "VND", "₱": "PHP", "฿": "THB", "₪": "ILS", "₦": "NGN", "zł": "PLN", "R$": "BRL", "A$": "AUD", "C$": "CAD",
    "HK$": "HKD", "NZ$": "NZD", "S$": "SGD", "US$": "USD",
}  # fmt: skip
AMOUNT_PATTERN = re.compile(
    r"(?P<sign>[-+\u2212]?)\s*(?P<before>[^\d\s.,+\-\u2212]{0,4})\s*(?P<sign_inside>[-+\u2212]?)\s*"
    r"(?P<number>(?:\d[\d.,'\u2019\s]*|[.,]\d+)(?:[eE][-+]?\d{1,3})?)\s*(?P<after>[^\d\s.,+\-\u2212]{0,4})"
)
GROUP_SEPARATORS = re.compile(r"['\u2019\s]")
MAX_CHARACTERS = 60


class Amount(NamedTuple):
    """A finite number with its ISO currency code, "" if the text names none."""

    value: float
    currency: str = ""


@lru_cache(maxsize=10_000)
def parse_amount(text: str) -> Amount | None:
    """Parse an amount such as `19,99`, `1,299.00`, `1.299,00`, `1 299`, `$49`, `EUR 5` or `-3 €`; else return None.

    Of two different marks the last one separates decimals. A single comma before exactly three digits separates
    thousands (`1,299`), a single dot never does: programs write decimals with it.
    """
    match = AMOUNT_PATTERN.fullmatch(text[: MAX_CHARACTERS + 1].strip())
    if match is None or len(text) > MAX_CHARACTERS:
        return None
    currency = parse_currency(match["before"] or match["after"])
    if currency is None or (match["before"] and match["after"]) or (match["sign"] and match["sign_inside"]):
        return None
    try:
        value = float(normalize_number(GROUP_SEPARATORS.sub("", match["number"])))
    except ValueError:
        return None
    negative = (match["sign"] or match["sign_inside"]) in ("-", "\u2212")
    return Amount(-value if negative else value, currency) if math.isfinite(value) else None


def parse_currency(word: str) -> str | None:
    """Return the ISO code of a currency symbol or code; "" for empty text, None for any other text."""
    if not word:
        return ""
    code = CURRENCY_SYMBOLS.get(word) or word.upper()
    return code if re.fullmatch(r"[A-Z]{3}", code) else None


def normalize_number(number: str) -> str:
    """Write a number with a dot before its decimals and nothing between thousands."""
    comma, dot = number.rfind(","), number.rfind(".")
    if comma < 0:
        return number.replace(".", "") if number.count(".") > 1 else number
    if dot < 0:
        first, *groups = number.split(",")
        separates_thousands = len(groups) > 1 or (len(groups[0]) == 3 and first.strip("0") != "")
        return number.replace(",", "" if separates_thousands else ".")
    thousands_mark, decimal_mark = (",", ".") if dot > comma else (".", ",")
    return number.replace(thousands_mark, "").replace(decimal_mark, ".")


def count_currency_decimals(currency: str) -> int:
    """Return how many decimals amounts of a currency have: JPY 0, EUR 2, KWD 3; 2 without a currency."""
    return get_currency_precision(currency) if currency else 2


def round_amount(value: object, currency: str = "") -> Decimal:
    """Round an amount to the decimals of its currency, half up; None is 0."""
    return round_half_up(value, count_currency_decimals(currency))


def round_half_up(value: object, decimals: int = 0) -> Decimal:
    """Round half up as people do, unlike Python's `round`, so that every page and API shows one number; None is 0."""
    return Decimal(str(value or 0)).quantize(Decimal(1).scaleb(-decimals), "ROUND_HALF_UP")
