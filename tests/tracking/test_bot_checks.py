"""Which hits are quarantined as bots, by which check; and which are not."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import state
from tests.support.hits import (
    BROWSER,
    CHROME,
    NOW,
    build_hit,
    build_site_config,
    find_rejection,
    process,
    process_hit,
    reset_state,
)
from tracking.bots import headers
from tracking.bots.request_rate import MAX_PER_ADDRESS, MAX_PER_DEVICE, MAX_WITHOUT_ATTENTION, RequestRates
from tracking.event import Rejection
from tracking.pipeline.processing import Quarantine

LISTS = Path(__file__).resolve().parent / "user_agents"
HINTS = {"sec-ch-ua": '"Chromium";v="141", "Google Chrome";v="141"', "sec-ch-ua-platform": '"Windows"'}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


def sign(path: str = "/", **changes: Any) -> str:
    site = changes.pop("site", None)
    made = process(build_hit(path, **changes), site or build_site_config())
    return made.bot_reason if isinstance(made, Quarantine) else ""


def asked(**changes: str) -> dict[str, str]:
    return {name: value for name, value in {**BROWSER, **changes}.items() if value}


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0", "ai_live: chatgpt-user"),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; OAI-SearchBot/1.0)", "ai_search: oai-searchbot"),
        ("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2)", "ai_training: gptbot"),
        ("CCBot/2.0 (https://commoncrawl.org/faq/)", "ai_training: ccbot"),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), "signature: headless"),
        ("Scrapy/2.19 (+https://scrapy.org)", "signature: scrapy"),
        ("Mozilla/5.0 (compatible; Qwerty; +https://qwerty.example)", "form: contact"),
        ("Mozilla/5.0", "form: no system"),
        ("Qwerty", "form: no browser"),
        (CHROME, ""),
        (FIREFOX, ""),
    ],
)
def test_a_user_agent_identifies_a_bot_and_its_purpose(agent: str, told: str) -> None:
    assert sign(user_agent=agent) == told


@pytest.mark.parametrize(
    ("headers", "agent", "told"),
    [
        (asked(**{"accept-language": ""}), CHROME, "pattern: no Accept-Language"),
        (asked(**HINTS), CHROME, ""),
        (asked(**HINTS), FIREFOX, "pattern: client hints of another browser"),
        (asked(**HINTS), CHROME.replace("141", "120"), "pattern: client hints of another version"),
        (asked(**{**HINTS, "sec-ch-ua-platform": '"Linux"'}), CHROME, "pattern: client hints of another system"),
        (asked(**{**HINTS, "sec-ch-ua": '"HeadlessChrome";v="141"'}), CHROME, "pattern: headless browser"),
    ],
)
def test_headers_that_no_browser_sends_identify_a_bot(headers: dict[str, str], agent: str, told: str) -> None:
    assert sign(headers=headers, user_agent=agent) == told


def test_http_1_0_is_a_bot_unless_it_comes_from_a_proxy() -> None:
    assert sign(http_version="1.0") == "pattern: HTTP/1.0"
    assert sign(http_version="1.0", headers=asked(via="1.1 proxy")) == ""


@pytest.mark.parametrize(("signs", "told"), [("webdriver", "webdriver"), ("x,nolang", "no languages"), ("touch", "")])
def test_automation_reported_by_the_tracker_identifies_a_bot(signs: str, told: str) -> None:
    assert sign(signs=signs) == (f"automation: {told}" if told else "")


def test_hits_from_hosting_networks_are_quarantined_by_number_or_name(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = {"1": (24940, "Hetzner Online GmbH"), "2": (64500, "Acme Web Hosting"), "3": (3249, "Telia Eesti AS")}
    monkeypatch.setattr(
        "tracking.geo.look_up", lambda ip: dict(zip(("asn", "organization"), networks[ip[-1]], strict=True))
    )
    assert sign(ip="203.0.113.1") == "data_centre: Hetzner Online GmbH"
    assert sign(ip="203.0.113.2") == "data_centre: Acme Web Hosting"
    assert sign(ip="203.0.113.3") == ""
    assert sign(ip="203.0.113.1", trusted=True) == ""
    assert sign(ip="203.0.113.1", site=build_site_config(tracker={"data_centres": "count"})) == ""
    excluding = build_site_config(excluded_countries=frozenset({"A1"}))
    assert find_rejection(ip="203.0.113.1", site=excluding) == "excluded_country"
    for site in (build_site_config(), excluding):
        assert sign(ip="203.0.113.1", keyed=True, site=site) == ""


def test_referrer_spam_is_quarantined_with_its_host() -> None:
    assert sign(referrer="http://www.semalt.com/x") == "spam: www.semalt.com"


def test_many_pages_without_engagement_identify_a_bot() -> None:
    assert [sign(f"/{n}") for n in range(MAX_WITHOUT_ATTENTION + 1)] == [""] * MAX_WITHOUT_ATTENTION + [
        "behaviour: many pages, no attention"
    ]


def test_with_engagement_the_rate_may_be_higher_but_is_limited() -> None:
    assert sign() == "" and sign(kind="ping", engaged=4.0) == ""
    told = [sign(f"/{n}") for n in range(MAX_PER_DEVICE)]
    assert told == [""] * (MAX_PER_DEVICE - 1) + ["behaviour: more pages than anyone reads"]


def test_the_rate_is_limited_per_address_and_minute() -> None:
    request_rates = RequestRates()
    for device in range(MAX_PER_ADDRESS):
        assert request_rates.count_view(7, device, "203.0.113.7", 5) == ""
    assert (
        request_rates.count_view(7, MAX_PER_ADDRESS, "203.0.113.7", 5) == "behaviour: more pages than an office reads"
    )
    assert request_rates.count_view(7, MAX_PER_ADDRESS, "203.0.113.7", 6) == ""


def test_the_memory_of_request_rates_is_bounded() -> None:
    request_rates = RequestRates()
    for device in range(250_000):
        request_rates.count_view(7, device, str(device), 5)
    assert len(request_rates.views) <= 100_001 and len(request_rates.addresses) <= 100_001


def test_a_bot_opens_no_visit_and_marks_no_device_as_seen() -> None:
    bot = {"user_agent": "CCBot/2.0 (https://commoncrawl.org/faq/)", "ip": "203.0.113.99"}
    first, second = (
        process(build_hit("/a", **bot), build_site_config()),
        process(build_hit("/b", **bot), build_site_config()),
    )
    assert isinstance(first, Quarantine) and isinstance(second, Quarantine)
    assert first.event["visit"] == second.event["visit"] > 0 and first.event["is_new"] == 1  # may be moved back whole
    assert first.event["view_id"] != second.event["view_id"] and first.event["id"] != second.event["id"]
    local = state.current().local
    assert len(local.visits) == 0 and not local.was_seen((7, first.event["device"], 0))


def test_a_quarantined_hit_in_a_persons_visit_belongs_to_it_but_does_not_extend_it() -> None:
    begun = process(build_hit("/a"), build_site_config())
    later = process(build_hit("/b", signs="webdriver", now=NOW + timedelta(minutes=20)), build_site_config())
    assert isinstance(begun, dict) and isinstance(later, Quarantine)
    assert later.event["visit"] == begun["visit"]
    back = process(build_hit("/c", now=NOW + timedelta(minutes=40)), build_site_config())
    assert isinstance(back, dict) and back["visit"] != begun["visit"]


def test_a_ping_of_an_unknown_bot_opens_no_visit() -> None:
    made = process(build_hit(kind="ping", user_agent="CCBot/2.0"), build_site_config())
    assert isinstance(made, Rejection) and made.reason == "unknown_visit"


def test_a_trusted_sender_is_checked_only_by_the_user_agent_it_states() -> None:
    own: dict[str, Any] = {"user_agent": "python-requests/2.32", "headers": {"accept": "*/*"}}
    assert sign(trusted=True, keyed=True, **own) == ""
    assert sign(trusted=True, user_agent="curl/8", headers={}) == "signature: curl"
    assert sign(trusted=True, user_agent=CHROME, headers={}) == ""


def test_a_program_with_a_key_needs_no_browser_user_agent_or_languages() -> None:
    assert sign(user_agent="AcmeApp/3.2", headers={"accept": "*/*"}, keyed=True) == ""
    assert sign(user_agent="curl/8.5", headers={"accept": "*/*"}, keyed=True) == "signature: curl"


def test_bot_overrides_take_precedence_over_every_check() -> None:
    assert sign(user_agent="curl/8", site=build_site_config(people=frozenset({"agent:curl/8"}))) == ""
    assert sign(site=build_site_config(robots=frozenset({f"agent:{CHROME}"}))) == "by hand"
    device = process_hit()["device"]
    assert sign(site=build_site_config(robots=frozenset({f"device:{device}"}))) == "by hand"


def lines(name: str) -> list[str]:
    return (LISTS / f"{name}.txt").read_text().splitlines()


def judged(user_agent: str) -> str:
    return headers.find_name(user_agent) or headers.find_form(user_agent)


def test_public_lists_of_bots_are_recognized_and_those_of_browsers_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    table = []
    for name in ("crawler-user-agents", "device-detector-bots", "device-detector-browsers", "user-agents-browsers"):
        found = lines(name)
        caught = sum(1 for agent in found if judged(agent))
        table.append((name, len(found), caught, 100 * caught / len(found)))
    with capsys.disabled():
        print("\nlist                         user agents   set apart    share")
        for row in table:
            print("{:<28} {:>11} {:>11} {:>7.2f}%".format(*row))
    bots, people = table[:2], table[2:]
    assert all(share >= 95 for *_, share in bots), bots
    assert 100 * sum(row[2] for row in people) / sum(row[1] for row in people) <= 0.5, people
