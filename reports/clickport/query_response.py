"""The response to `POST /api/query`, with the names that the client used for its metrics and dimensions."""

from __future__ import annotations

from reports.clickport.fields import Validated
from reports.clickport.vocabulary import (
    METRIC_NAMES,
    JsonValue,
    build_formatter,
    build_row,
    get_engine_name,
    is_money,
    round_hundredth,
)
from reports.query.model import Meta, Result, Row
from sites.amounts import round_amount


def build_response(validated: Validated, result: Result) -> dict[str, object]:
    """Build the response: `results`, then the requested comparison and totals, then `meta`."""
    currency = result.meta.currency
    rows = [build_row(row, validated["dimensions"], validated["metrics"], currency) for row in result.rows]
    body: dict[str, object] = {"results": rows if validated["dimensions"] else rows[0]}
    if result.comparison is not None:
        body |= build_comparison(validated, result)
    if result.totals is not None:
        body["totals"] = build_totals(validated, result.totals, currency)
    return body | {"meta": build_meta(result.meta, validated["ignored"])}


def build_totals(validated: Validated, row: Row, currency: str) -> dict[str, JsonValue]:
    """Build the row without the breakdown; beside rows of several currencies its amounts are null."""
    totals = build_row(row, (), validated["metrics"], currency)
    if "currency" not in map(get_engine_name, validated["dimensions"]):
        return totals
    return {name: None if is_money(name) else value for name, value in totals.items()}


def build_comparison(validated: Validated, result: Result) -> dict[str, object]:
    """Build `comparison` in the shape of `results`, and `change` in percent, null if the earlier value is 0."""
    currency, earlier = result.meta.currency, result.comparison
    if isinstance(earlier, dict):
        comparison = build_row(earlier, (), validated["metrics"], currency)
        return {"comparison": comparison, "change": compute_changes(validated, result.rows[0], earlier, currency)}
    earlier_rows = earlier or []
    return {
        "comparison": [build_row(row, validated["dimensions"], validated["metrics"], currency) for row in earlier_rows],
        "change": [
            build_row(row, validated["dimensions"], ()) | compute_changes(validated, row, earlier_row, currency)
            for row, earlier_row in zip(result.rows, earlier_rows, strict=False)
        ],
    }


def compute_changes(validated: Validated, row: Row, earlier_row: Row, currency: str) -> dict[str, JsonValue]:
    """Return by how many percent each metric changed, computed from the rounded numbers that the response shows."""
    changes: dict[str, JsonValue] = {}
    for name in validated["metrics"]:
        format_value, metric = build_formatter(name, row.get("currency") or currency), METRIC_NAMES[name]
        value, earlier = format_value(row[metric]), format_value(earlier_row[metric])
        changes[name] = round_hundredth(100 * (value - earlier) / abs(earlier)) if earlier else None  # type: ignore
    return changes


def build_meta(meta: Meta, ignored: list[str]) -> dict[str, object]:
    """Build `meta`: the range (end exclusive), its zone, how recent the data is, and whether numbers are exact."""
    body: dict[str, object] = {
        "start": meta.range[0],
        "end": meta.range[1],
        "timezone": meta.zone,
        "fresh_until": meta.freshness,
        "exact": meta.exact,
        "error": meta.error,
    }
    if meta.currency:
        body["currency"] = meta.currency
    if meta.other_currencies:
        totals = meta.other_currencies.items()
        body["other_currencies"] = {currency: float(round_amount(total, currency)) for currency, total in totals}
    if meta.incomplete:
        body["incomplete"] = True
    if ignored:
        body["ignored"] = ignored
    return body
