"""Numbers as people read them: short, exact, and how they changed. The registry says what is better."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.numbers import format_compact_currency, format_compact_decimal, format_currency, format_decimal

from reports.engine.registry import METRICS, Metric

LONG = 10_000  # from here on the short form is shorter
NOTHING = "–"


@dataclass(frozen=True)
class Change:
    """`text`: "8%" or "2.1 pts"; `arrow`: ▲ ▼ or empty; `mood`: up (good), down (bad) or none."""

    text: str
    arrow: str
    sign: str
    mood: str


@dataclass(frozen=True)
class Shown:
    """One number on a page, short and exact."""

    short: str
    exact: str
    change: Change | None = None
    before: str = ""


def duration(seconds: float) -> str:
    """65 -> "1m 05s"; 3700 -> "1h 01m"; 12 -> "12s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def money(value: Any, locale: Locale, currency: str) -> str:
    if not currency and not value:
        return "0"
    if not currency:
        return str(format_decimal(Decimal(str(value)), format="#,##0.00", locale=locale))
    return str(format_currency(Decimal(str(value)), currency, locale=locale))


def whole_money(value: Any, locale: Locale, currency: str) -> str:
    """Without cents, where they say nothing any more."""
    pattern = locale.currency_formats["standard"].pattern.replace(".00", "") if currency else "#,##0"
    return str(format_currency(round(Decimal(str(value))), currency or "XXX", pattern, locale, currency_digits=False))


def exact(value: Any, row: Metric, locale: Locale, currency: str = "") -> str:
    """The whole number in the reader's form."""
    if value is None:
        return NOTHING
    if row.format == "percent":
        return str(format_decimal(round(float(value), 1), locale=locale)) + "%"
    if row.format == "seconds":
        return duration(float(value))
    if row.format == "money":
        return money(value, locale, currency)
    digits = {"decimal": 2, "score": 0}.get(row.format, 0)
    return str(format_decimal(round(float(value), digits), locale=locale))


def short(value: Any, row: Metric, locale: Locale, currency: str = "") -> str:
    """As `exact`, or 12.4K where it would be long."""
    if value is None or row.format not in ("number", "money"):
        return exact(value, row, locale, currency)
    if row.format == "money" and 1000 <= abs(value) < LONG:
        return whole_money(value, locale, currency)
    if abs(value) < LONG:
        return exact(value, row, locale, currency)
    if row.format == "money" and currency:
        return str(format_compact_currency(Decimal(str(value)), currency, locale=locale, fraction_digits=1))
    return str(format_compact_decimal(float(value), locale=locale, fraction_digits=1))


def change(now: Any, before: Any, row: Metric, locale: Locale) -> Change | None:
    """How a number moved; None where there is nothing to compare. Percentages move by points."""
    if now is None or before is None:
        return None
    now, before = float(now), float(before)
    moved = now - before
    if row.format == "percent":
        text = str(format_decimal(round(abs(moved), 1), locale=locale)) + " pts"
        flat = abs(moved) < 0.05
    elif before == 0:
        text, flat = "new", now == 0
    else:
        percent = abs(moved / before) * 100
        text = str(format_decimal(round(percent), locale=locale)) + "%"
        flat = percent < 0.5
    if flat:
        return Change("0%" if row.format != "percent" else "0 pts", "", "no change", "none")
    rose = moved > 0
    good = {"up": rose, "down": not rose}.get(row.better)
    mood = "none" if good is None else "up" if good else "down"
    return Change(text, "▲" if rose else "▼", "up" if rose else "down", mood)


def shown(name: str, value: Any, locale: Locale, before: Any = None, currency: str = "") -> Shown:
    """A metric's value as a page shows it."""
    row = METRICS[name]
    return Shown(
        short(value, row, locale, currency),
        exact(value, row, locale, currency),
        change(value, before, row, locale),
        exact(before, row, locale, currency) if before is not None else "",
    )
