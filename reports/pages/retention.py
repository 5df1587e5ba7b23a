"""Retention: of those who came first in a week, how many came back in each later one. The table is the picture."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.dates import format_date
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from reports.engine.retention import MOST, STEPS, Cohort, knows_people, retention, step_after, step_of
from reports.pages.details import exports
from reports.pages.export import FORMATS, as_file
from reports.pages.frame import bar, site_page
from reports.pages.numbers import Shown, shown
from reports.pages.parts import TROUBLE, sentence
from reports.pages.segments import may_edit
from reports.pages.state import State

AT_LEAST = {"day": 14, "week": 12, "month": 12}  # cohorts shown of even the shortest period
SHADES = 7
WRITTEN = {"day": "EEE d MMM", "week": "d MMM", "month": "MMM y"}


@dataclass(frozen=True)
class Level:
    """What a site knows visitors by, and so what retention can mean there. `named`: only people known by name."""

    label: str
    says: str
    named: bool = False
    drawn: bool = True


COOKIE = Level("By cookie", "A visitor is a browser with the site's cookie, or a person where the page says who it is. "
               "Another browser, or deleted cookies, look like somebody new, so the true shares are somewhat higher. "
               "Visits from before cookies were on cannot be recognised.")  # fmt: skip
CONSENT = Level("By cookie, with consent", "Only those who gave consent keep their number. All others get a new one "
                "every day and count as visitors who never come back, so the true shares are higher.")  # fmt: skip
NAMED = Level("By name", "Only people whom your pages name (clicky_custom.visitor) are counted: a person is recognised "
              "on every device. Everybody else is left out.", named=True)  # fmt: skip
DAILY = Level("Anonymous by day", "Without cookies a visitor gets a new number every day, on purpose: nobody can be "
              "recognised tomorrow. Every return would be counted as a first visit, so there is nothing true to "
              "draw.", drawn=False)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A share of a cohort that came back. `shade`: 0 (nobody) to SHADES."""

    text: str
    words: str
    shade: int
    so_far: bool


@dataclass(frozen=True)
class Line:
    label: str
    size: Shown
    cells: list[Cell]
    href: str = ""


@site_page
def retained(request: HttpRequest, state: State) -> HttpResponse:
    """The table of cohorts, or the same as a file (`?format=csv|json|xml`)."""
    by = state.option("by") if state.option("by") in STEPS else "week"
    known = knows_people(state.site.pk, state.now)
    level = level_of(state, known)
    context: dict[str, Any] = {
        **bar(request, state), "section": "goals", "sub": "retention", "level": level, "by": by, "no_compare": True,
        "steps": [(one.capitalize(), state.seen(by=one).href(), one == by) for one in STEPS],
        "whose": whose(state, known), "may_edit": may_edit(request, state.site.pk),
    }  # fmt: skip
    wanted = request.GET.get("format", "")
    if not level.drawn:
        if wanted:
            raise Http404("There is no such table.")
        return render(request, "reports/retention.html", context)
    try:
        cohorts = asked(state, by, level)
    except TROUBLE as error:
        return render(request, "reports/retention.html", {**context, "failed": sentence(error)})
    if wanted in FORMATS:
        return exported(state, by, cohorts, wanted)
    return render(request, "reports/retention.html", {**context, **table(state, by, cohorts)})


def level_of(state: State, known: bool) -> Level:
    """The identity level that the table rests on; the reader may choose people with names where there are any."""
    if known and (state.site.cookies == "off" or state.option("people") == "named"):
        return NAMED
    return {"on": COOKIE, "consent": CONSENT}.get(state.site.cookies, DAILY)


def whose(state: State, known: bool) -> list[tuple[str, str, bool]]:
    """The choice between everybody and people with names, where both can be told."""
    if not known or state.site.cookies == "off":
        return []
    named = state.option("people") == "named"
    return [
        ("Everybody", state.seen(people="").href(), not named),
        ("People with names", state.seen(people="named").href(), named),
    ]


def asked(state: State, by: str, level: Level) -> list[Cohort]:
    """The cohorts of the period, but at least a picture's worth, without empty ones before the first."""
    last = min(state.period.last_day, state.now.astimezone(state.period.info).date())
    count, first = 1, step_of(last, by)
    while count < MOST and (count < AT_LEAST[by] or first > state.period.first_day):
        count, first = count + 1, step_after(first, by, -1)
    found = retention(
        state.site.pk, last, by, count, state.period.zone, state.where(), named=level.named, now=state.now
    )
    begun = next((index for index, one in enumerate(found) if one.seen[0]), len(found))
    return found[begun:]


def table(state: State, by: str, cohorts: list[Cohort]) -> dict[str, Any]:
    """What the template shows: a line per cohort, and one of all."""
    shares = [seen / one.seen[0] for one in cohorts if one.seen[0] for seen in one.seen[1:]]
    most = max(shares, default=0.0)
    unfinished = bool(cohorts) and step_after(cohorts[-1].start, by) > state.now.astimezone(state.period.info).date()
    lines = [line(state, by, one, most, unfinished) for one in cohorts]
    return {
        "lines": lines, "whole": whole(state, by, cohorts, most, unfinished) if len(cohorts) > 2 else None,
        "columns": range(1, max((len(one.seen) for one in cohorts), default=1)), "unfinished": unfinished,
        "most": percent(most), "shades": range(1, SHADES + 1), "formats": exports(state),
    }  # fmt: skip


def line(state: State, by: str, cohort: Cohort, most: float, unfinished: bool) -> Line:
    size, last = cohort.seen[0], len(cohort.seen) - 1
    cells = [
        cell(seen, size, by, index, most, unfinished and index == last)
        for index, seen in enumerate(cohort.seen[1:], start=1)
    ]
    after = step_after(cohort.start, by)
    there = state.in_period(f"{cohort.start}..{date.fromordinal(after.toordinal() - 1)}")
    href = there.shown_with({"people": "", "by": ""}).href(f"/sites/{state.site.pk}/")
    return Line(written(cohort.start, by, state), shown("visitors", size, state.locale), cells, href)


def whole(state: State, by: str, cohorts: list[Cohort], most: float, unfinished: bool) -> Line:
    """All cohorts together: for each step those that had it whole, so that young ones do not thin it out."""
    cells = []
    for index in range(1, len(cohorts[0].seen) - unfinished):
        old = [one.seen for one in cohorts if len(one.seen) - unfinished > index]
        cells.append(cell(sum(seen[index] for seen in old), sum(seen[0] for seen in old), by, index, most, False))
    return Line("All", shown("visitors", sum(one.seen[0] for one in cohorts), state.locale), cells)


def cell(seen: int, size: int, by: str, index: int, most: float, so_far: bool) -> Cell:
    share = seen / size if size else 0.0
    shade = max(1, round(share / most * SHADES)) if share else 0
    words = f"{seen:,} of {size:,} visitors came back {index} {by}{'s' if index > 1 else ''} later"
    return Cell(percent(share) if size else "", words + (", so far" if so_far else ""), shade, so_far)


def percent(share: float) -> str:
    if 0 < share < 0.01:
        return "<1%"
    return f"{share * 100:.0f}%"


def written(day: date, by: str, state: State) -> str:
    """The cohort's first day as the reader writes it."""
    return str(format_date(day, WRITTEN[by], locale=state.locale))


def exported(state: State, by: str, cohorts: list[Cohort], wanted: str) -> HttpResponse:
    """A row per cohort: its first day, its visitors, and how many of them came back after 1, 2 … steps."""
    columns = ("cohort", "visitors", *(f"after_{n}" for n in range(1, max((len(c.seen) for c in cohorts), default=1))))
    rows = [dict(zip(columns, (str(one.start), *one.seen), strict=False)) for one in cohorts]
    return as_file(wanted, f"{state.site.domain}-retention-{by}", columns, rows)
