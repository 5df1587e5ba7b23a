"""Every step of the pipelines leaves its input as it is, and what it returns are columns of an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from links.redirect import click_pipeline
from sites.site_config import SiteConfig
from tests.support import state
from tests.support.hits import IPHONE, build_hit, build_site_config, process_hit, reset_state
from tests.support.links import build_snapshot
from tracking.event import Event, Hit, Rejection
from tracking.pipeline import processing
from tracking.pipeline.device import find_device
from tracking.schema import EVENT_COLUMNS
from tracking.state.base import State

Step = Callable[..., Event | Rejection | None]
TAGGED = "/a?utm_source=x&utm_custom[username]=ann&gclid=1&ref=hn"
HITS = {
    "view": build_hit(TAGGED, title="A", referrer="https://news.example/", tags={"plan": "pro"}, screen="412x915"),
    "click": build_hit(
        kind="click", target="https://example.org/", text="Buy", props={"a": "1"}, revenue=2.5, currency="eur"
    ),
    "bot": build_hit(user_agent="Googlebot/2.1 (+http://www.google.com/bot.html)"),
    "link": build_hit(TAGGED, kind="link", text="utm_source=x", site_id=1, user_agent=IPHONE),
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def run_step(step: Step, hit: Hit, site: SiteConfig, given: Event, *states: State) -> Event | Rejection | None:
    """Run one step; fail if it changed what it was given, or returned anything but columns."""
    hit_before, event_before = deepcopy(hit), deepcopy(given)
    outcome = step(hit, site, given, *states)
    assert given == event_before, step
    assert hit == hit_before, step
    assert outcome is None or isinstance(outcome, Rejection) or outcome.keys() <= EVENT_COLUMNS.keys(), step
    return outcome


@pytest.mark.django_db
@pytest.mark.parametrize("name", HITS)
def test_no_step_writes_into_what_it_was_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def watch(step: Any) -> Step:
        def watched(hit: Hit, site: SiteConfig, given: Event, *states: State) -> Event | Rejection | None:
            ran.append(step.__name__)
            return run_step(step, hit, site, given, *states)

        return watched

    process_hit(TAGGED, referrer="https://google.com/")  # whose visit the view and the bot join
    site, steps = build_site_config(), click_pipeline.STEPS if name == "link" else processing.STEPS
    if name == "link":
        monkeypatch.setattr(click_pipeline, "STEPS", tuple(map(watch, steps)))
        monkeypatch.setattr(click_pipeline, "find_device", watch(find_device))
        click_pipeline.build_link_event(build_snapshot(), HITS[name], site, state.current())
        assert len(ran) == len(steps) + 1
    else:
        monkeypatch.setattr(processing, "STEPS", tuple(map(watch, steps)))
        monkeypatch.setattr(processing, "STATEFUL_STEPS", tuple(map(watch, processing.STATEFUL_STEPS)))
        processing.process(replace(HITS[name]), site, state.current())
        assert len(ran) == len(steps) + len(processing.STATEFUL_STEPS) - (name == "bot")
