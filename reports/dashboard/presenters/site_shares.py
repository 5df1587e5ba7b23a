"""The table of sites of a portfolio: each site's share of the visitors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from reports.dashboard.fragments import Fragment
from reports.dashboard.presenters.tables import format_share
from reports.dashboard.scope import ReportScope
from reports.dashboard.state import ReportState
from reports.formatting import FormattedValue, format_metric
from reports.query import Query, Result
from sites.models import Site

SITE_METRICS = ("visitors", "visits", "views")
MAX_TABLE_SITES = 200


@dataclass(frozen=True, kw_only=True)
class SiteShare:
    """One site's share of the visitors of the portfolio."""

    site: Site
    href: str
    cells: list[FormattedValue]
    share: str  # of the largest site, 0 to 100
    percent: str


@dataclass(frozen=True)
class SiteShares:
    """The table of sites, or the reason why it cannot be displayed."""

    rows: list[SiteShare] = field(default_factory=list)
    failed: str = ""


def build_site_shares_fragment(state: ReportState, sites: Sequence[Site]) -> Fragment[SiteShares]:
    """Return the fragment of the table of sites, the most visited first. One query is of all sites."""

    def build_queries() -> list[Query]:
        return [state.build_query(SITE_METRICS, ("site",), limit=MAX_TABLE_SITES, compare=state.compare)]

    return Fragment(
        build_queries, lambda results: build_shares(state, sites, results[0]), lambda reason: SiteShares(failed=reason)
    )


def build_shares(state: ReportState, sites: Sequence[Site], result: Result) -> SiteShares:
    """Format the table of sites; a site without a row in the result has zeros."""
    before = result.comparison if isinstance(result.comparison, list) else []
    by_site = {str(row["site"]): (row, before[index] if before else {}) for index, row in enumerate(result.rows)}
    largest = max((row["visitors"] or 0 for row in result.rows), default=0) or 1
    total = sum(row["visitors"] or 0 for row in result.rows)
    shares = []
    for site in sites:
        row, old = by_site.get(str(site.pk), ({}, {}))
        visitors = row.get("visitors") or 0
        cells = [format_metric(name, row.get(name) or 0, state.locale, old.get(name)) for name in SITE_METRICS]
        alone = replace(state, scope=ReportScope(site=site)).with_view({"of": ""})
        percent = format_share(visitors / total * 100 if total else None)
        share = SiteShare(
            site=site,
            href=alone.href(alone.scope.home_path),
            cells=cells,
            share=f"{visitors / largest * 100:.1f}",
            percent=percent,
        )
        shares.append((visitors, share))
    shares.sort(key=lambda pair: -pair[0])
    return SiteShares([share for _, share in shares[:MAX_TABLE_SITES]])
