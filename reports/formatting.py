"""Formatted metric values: short, exact, and compared with the value of another period; and the template
filters for text and addresses of strangers, which are shortened, and linked to only if they are safe.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit

from babel import Locale
from babel.numbers import format_compact_currency, format_compact_decimal, format_currency, format_decimal
from django import template

from reports.query.metrics import METRICS, Metric, Number
from sites.amounts import round_half_up

register = template.Library()
MIN_COMPACT_VALUE = 10_000  # smaller numbers are written in full, which is as short
NO_VALUE = "–"
SAFE_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class ValueChange:
    """`text`: "8%" or "2.1 pts"; `arrow`: ▲ ▼ or empty; `sign`: it in words; `mood`: up (good), down (bad) or none."""

    text: str
    arrow: str
    sign: str
    mood: str


@dataclass(frozen=True)
class FormattedValue:
    """A metric's value for a page: short, exact, how it changed, and the value before."""

    short: str
    exact: str
    change: ValueChange | None = None
    before: str = ""


def format_duration(seconds: float) -> str:
    """Format a duration: 12 -> "12s"; 65 -> "1m 05s"; 3700 -> "1h 01m"."""
    rounded = int(round_half_up(seconds))
    if rounded < 60:
        return f"{rounded}s"
    if rounded < 3600:
        return f"{rounded // 60}m {rounded % 60:02d}s"
    return f"{rounded // 3600}h {rounded % 3600 // 60:02d}m"


def format_money(value: Number | None, locale: Locale, currency: str) -> str:
    """Format an amount with its currency; without one, as a number of two decimals."""
    if not currency and not value:
        return "0"
    if not currency:
        return str(format_decimal(Decimal(str(value)), format="#,##0.00", locale=locale))
    return str(format_currency(Decimal(str(value)), currency, locale=locale))


def format_rounded_money(value: Number | None, locale: Locale, currency: str) -> str:
    """Format an amount without cents."""
    pattern = locale.currency_formats["standard"].pattern.replace(".00", "") if currency else "#,##0"
    return str(format_currency(round_half_up(value), currency or "XXX", pattern, locale, currency_digits=False))


@lru_cache(maxsize=8192)
def format_exact(value: Number | None, metric: Metric, locale: Locale, currency: str = "") -> str:
    """Format a value in full."""
    if value is None:
        return NO_VALUE
    if metric.format == "percent":
        return str(format_decimal(round_half_up(value, 1), locale=locale)) + "%"
    if metric.format == "seconds":
        return format_duration(float(value))
    if metric.format == "money":
        return format_money(value, locale, currency)
    digits = {"decimal": 2, "score": 0}.get(metric.format, 0)
    return str(format_decimal(round_half_up(value, digits), locale=locale))


def format_short(value: Number | None, metric: Metric, locale: Locale, currency: str = "") -> str:
    """Format a value as `format_exact` does, or as 12.4K where that would be long."""
    if value is None or metric.format not in ("number", "money"):
        return format_exact(value, metric, locale, currency)
    size = abs(float(value))
    if metric.format == "money" and 1000 <= size < MIN_COMPACT_VALUE:
        return format_rounded_money(value, locale, currency)
    if size < MIN_COMPACT_VALUE:
        return format_exact(value, metric, locale, currency)
    if metric.format == "money" and currency:
        return str(format_compact_currency(Decimal(str(value)), currency, locale=locale, fraction_digits=1))
    return str(format_compact_decimal(float(value), locale=locale, fraction_digits=1))


@lru_cache(maxsize=8192)
def compare_values(now: Number | None, before: Number | None, metric: Metric, locale: Locale) -> ValueChange | None:
    """Return how a value changed; None without two values. Percentages change by points."""
    if now is None or before is None:
        return None
    now, before = float(now), float(before)
    difference = now - before
    if metric.format == "percent":
        text = str(format_decimal(round_half_up(abs(difference), 1), locale=locale)) + " pts"
        unchanged = abs(difference) < 0.05
    elif before == 0:
        text, unchanged = "new", now == 0
    else:
        percent = abs(difference / before) * 100
        text = str(format_decimal(round_half_up(percent), locale=locale)) + "%"
        unchanged = percent < 0.5
    if unchanged:
        return ValueChange("0%" if metric.format != "percent" else "0 pts", "", "no change", "none")
    rose = difference > 0
    is_good = {"up": rose, "down": not rose}.get(metric.better)
    mood = "none" if is_good is None else "up" if is_good else "down"
    return ValueChange(text, "▲" if rose else "▼", "up" if rose else "down", mood)


def format_metric(
    name: str, value: Number | None, locale: Locale, before: Number | None = None, currency: str = ""
) -> FormattedValue:
    """Format the value of the metric `name`, and its change where there is a value `before`."""
    metric = METRICS[name]
    return FormattedValue(
        format_short(value, metric, locale, currency),
        format_exact(value, metric, locale, currency),
        compare_values(value, before, metric, locale),
        format_exact(before, metric, locale, currency) if before is not None else "",
    )


def format_percent(part: float, total: float, digits: int = 1) -> str:
    """Format a share in percent, such as "12.5%"; a dash where the total is zero."""
    return f"{round_half_up(100 * part / total, digits)}%" if total else NO_VALUE


@register.filter
def cut_middle(value: object, length: int = 60) -> str:
    """Return the text, with an ellipsis in its middle where it is longer than `length`."""
    text = str(value)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"


@register.filter
def safe_link(url: object) -> str:
    """Return the address if it is one of http or https; else an empty string."""
    text = str(url).strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme.lower() in SAFE_SCHEMES and parts.netloc else ""
