"""Retention: of the visitors who first came in a week, how many returned in each later one, as a shaded table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from babel.dates import format_date
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from reports.dashboard.fragments import QUERY_ERRORS, describe_error
from reports.dashboard.presenters.exports import FORMATS, build_export, record_export
from reports.dashboard.presenters.toolbar import build_toolbar
from reports.dashboard.report_page import site_page
from reports.dashboard.scope import Context
from reports.dashboard.state import ReportState
from reports.dashboard.views.details import list_exports
from reports.formatting import FormattedValue, format_metric, format_percent
from reports.query.analyses.retention import (
    MAX_COHORTS,
    STEPS,
    Cohort,
    find_cohorts,
    find_step,
    identifies_people,
    shift_step,
)
from sites.selectors import may_on_site

MIN_COHORTS = {"day": 14, "week": 12, "month": 12}  # displayed even for the shortest period
SHADES = 7
DATE_FORMATS = {"day": "EEE d MMM", "week": "d MMM", "month": "MMM y"}


@dataclass(frozen=True)
class IdentityLevel:
    """How a site recognises visitors, and so what retention can mean there. `named`: only visitors with a name."""

    label: str
    explanation: str
    named: bool = False
    drawn: bool = True


COOKIE = IdentityLevel(
    "By cookie",
    "A visitor is a browser with the site's cookie, or a person where the page says who it is. Another browser, or "
    "deleted cookies, look like somebody new, so the true shares are somewhat higher. Visits from before cookies were "
    "on cannot be recognised.",
)
CONSENT = IdentityLevel(
    "By cookie, with consent",
    "Only those who gave consent keep their number. All others get a new one every day and count as visitors who never "
    "come back, so the true shares are higher.",
)
NAMED = IdentityLevel(
    "By name",
    "Only people whom your pages name (clicky_custom.visitor) are counted: a person is recognised on every device. "
    "Everybody else is left out.",
    named=True,
)
DAILY = IdentityLevel(
    "Anonymous by day",
    "Without cookies a visitor gets a new number every day, on purpose: nobody can be recognised tomorrow. Every "
    "return would be counted as a first visit, so retention cannot be shown.",
    drawn=False,
)


@dataclass(frozen=True)
class CohortCell:
    """The share of a cohort that returned in one step. `shade`: 0 (nobody) to SHADES."""

    text: str
    words: str
    shade: int
    so_far: bool


@dataclass(frozen=True)
class CohortRow:
    """A cohort of the table: its first day, its size and a cell per later step."""

    label: str
    size: FormattedValue
    cells: list[CohortCell]
    href: str = ""


@site_page
def retention_report(request: HttpRequest, state: ReportState) -> HttpResponse:
    """Display the table of cohorts, or send it as a file (`?format=csv|json|xml`)."""
    by = state.option("by") if state.option("by") in STEPS else "week"
    has_names = identifies_people(state.site.pk, state.now)
    level = choose_level(state, has_names)
    context: Context = {
        **build_toolbar(request, state), "section": "goals", "sub": "retention", "level": level, "by": by,
        "without_comparison": True,
        "steps": [(step.capitalize(), state.with_view({"by": step}).href(), step == by) for step in STEPS],
        "level_choices": build_level_choices(state, has_names),
        "may_edit": may_on_site(request.user, state.site, "edit"),
    }  # fmt: skip
    file_format = request.GET.get("format", "")
    if not level.drawn:
        if file_format:
            raise Http404("There is no such table.")
        return render(request, "reports/retention.html", context)
    try:
        cohorts = fetch_cohorts(state, by, level)
    except QUERY_ERRORS as error:
        return render(request, "reports/retention.html", {**context, "failed": describe_error(error)})
    if file_format in FORMATS:
        return export_cohorts(state, by, cohorts, file_format)
    return render(request, "reports/retention.html", {**context, **build_table(state, by, cohorts)})


def choose_level(state: ReportState, has_names: bool) -> IdentityLevel:
    """Return the identity level of the table; the reader may choose visitors with names where the site has any."""
    if has_names and (state.site.cookies == "off" or state.option("people") == "named"):
        return NAMED
    return {"on": COOKIE, "consent": CONSENT}.get(state.site.cookies, DAILY)


def build_level_choices(state: ReportState, has_names: bool) -> list[tuple[str, str, bool]]:
    """Return (label, address, whether it is chosen) of everybody and visitors with names, where both are possible."""
    if not has_names or state.site.cookies == "off":
        return []
    named = state.option("people") == "named"
    return [
        ("Everybody", state.with_view({"people": ""}).href(), not named),
        ("People with names", state.with_view({"people": "named"}).href(), named),
    ]


def get_local_today(state: ReportState) -> date:
    """Return today's date in the zone of the report."""
    return state.now.astimezone(state.period.info).date()


def fetch_cohorts(state: ReportState, by: str, level: IdentityLevel) -> list[Cohort]:
    """Return the cohorts of the period, at least MIN_COHORTS, without the empty ones before the first visitor."""
    last = min(state.period.last_day, get_local_today(state))
    count, first = 1, find_step(last, by)
    while count < MAX_COHORTS and (count < MIN_COHORTS[by] or first > state.period.first_day):
        count, first = count + 1, shift_step(first, by, -1)
    where, zone = state.build_filter(), state.period.zone
    cohorts = find_cohorts(state.site.pk, last, by, count, zone, where, named=level.named, now=state.now)
    begun = next((index for index, cohort in enumerate(cohorts) if cohort.visitors[0]), len(cohorts))
    return cohorts[begun:]


def build_table(state: ReportState, by: str, cohorts: list[Cohort]) -> Context:
    """Return the context of the table: a row per cohort, and one of all."""
    shares = [count / cohort.visitors[0] for cohort in cohorts if cohort.visitors[0] for count in cohort.visitors[1:]]
    highest = max(shares, default=0.0)
    unfinished = bool(cohorts) and shift_step(cohorts[-1].start, by) > get_local_today(state)
    has_overall = len(cohorts) > 2
    return {
        "lines": [build_row(state, by, cohort, highest, unfinished) for cohort in cohorts],
        "overall": build_overall_row(state, by, cohorts, highest, unfinished) if has_overall else None,
        "columns": range(1, max((len(cohort.visitors) for cohort in cohorts), default=1)), "unfinished": unfinished,
        "highest_share": format_share(highest), "shades": range(1, SHADES + 1), "formats": list_exports(state),
    }  # fmt: skip


def build_row(state: ReportState, by: str, cohort: Cohort, highest: float, unfinished: bool) -> CohortRow:
    """Format a cohort. `highest` is the share with the darkest shade."""
    size, last = cohort.visitors[0], len(cohort.visitors) - 1
    cells = [
        build_cell(returned, size, by, index, highest, unfinished and index == last)
        for index, returned in enumerate(cohort.visitors[1:], start=1)
    ]
    last_day = shift_step(cohort.start, by) - timedelta(days=1)
    overview = state.with_period(f"{cohort.start}..{last_day}").with_view({"people": "", "by": ""})
    href = overview.href(reverse("dashboard:overview", args=[state.site.pk]))
    return CohortRow(format_day(cohort.start, by, state), format_metric("visitors", size, state.locale), cells, href)


def build_overall_row(
    state: ReportState, by: str, cohorts: list[Cohort], highest: float, unfinished: bool
) -> CohortRow:
    """Return the row of all cohorts. A step counts the cohorts for which it has ended: young ones would lower it."""
    cells = []
    for index in range(1, len(cohorts[0].visitors) - unfinished):
        ended = [cohort.visitors for cohort in cohorts if len(cohort.visitors) - unfinished > index]
        returned, size = sum(counts[index] for counts in ended), sum(counts[0] for counts in ended)
        cells.append(build_cell(returned, size, by, index, highest, False))
    return CohortRow(
        "All", format_metric("visitors", sum(cohort.visitors[0] for cohort in cohorts), state.locale), cells
    )


def build_cell(returned: int, size: int, by: str, index: int, highest: float, so_far: bool) -> CohortCell:
    """Format how many of `size` visitors returned after `index` steps."""
    share = returned / size if size else 0.0
    shade = max(1, round(share / highest * SHADES)) if share else 0
    words = f"{returned:,} of {size:,} visitors came back {index} {by}{'s' if index > 1 else ''} later"
    return CohortCell(format_share(share) if size else "", words + (", so far" if so_far else ""), shade, so_far)


def format_share(share: float) -> str:
    """Format a share from 0 to 1 in percent."""
    if 0 < share < 0.01:
        return "<1%"
    return format_percent(share, 1, 0)


def format_day(day: date, by: str, state: ReportState) -> str:
    """Format the first day of a cohort for the reader."""
    return str(format_date(day, DATE_FORMATS[by], locale=state.locale))


def export_cohorts(state: ReportState, by: str, cohorts: list[Cohort], file_format: str) -> HttpResponse:
    """Return a row per cohort as a file: its first day, its visitors, and how many returned after 1, 2 … steps."""
    steps = range(1, max((len(cohort.visitors) for cohort in cohorts), default=1))
    columns = ("cohort", "visitors", *(f"after_{step}" for step in steps))
    rows = [dict(zip(columns, (str(cohort.start), *cohort.visitors), strict=False)) for cohort in cohorts]
    record_export(state, "retention")
    return build_export(file_format, f"{state.site.domain}-retention-{by}", columns, rows)
