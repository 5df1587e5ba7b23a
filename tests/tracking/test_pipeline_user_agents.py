"""Which device, system and browser a visitor has: user agent, client hints, touch points."""

from typing import Any

import pytest

from sites.models import Site
from tests.support.endpoints import list_stored_rows, send_request
from tests.support.hits import BROWSER, CHROME, IPHONE, process_hit, reset_state

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605"
MAC_CHROME = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/141.0.0.0 Safari/537.36"


def seen(user_agent: str, headers: dict[str, str] | None = None, **told: Any) -> tuple[str, str, str]:
    stored = process_hit(user_agent=user_agent, headers={**BROWSER, **(headers or {})}, **told)
    return stored.get("device_type", ""), stored.get("os", ""), stored.get("os_version", "")


@pytest.mark.parametrize(
    ("agent", "touch_points", "screen", "expected"),
    [
        (MAC, 5, "1180x820", ("Tablet", "iPadOS", "")),
        (MAC, 0, "1512x982", ("Desktop", "macOS", "10.15")),
        (LINUX, 5, "412x915", ("Mobile", "Android", "")),
        (LINUX, 10, "1920x1080", ("Desktop", "Linux", "")),
        (LINUX, 0, "412x915", ("Desktop", "Linux", "")),
        (CHROME, 10, "1920x1080", ("Desktop", "Windows", "10")),
    ],
)
def test_touch_points_identify_a_tablet_that_claims_to_be_a_mac(
    agent: str, touch_points: int, screen: str, expected: tuple[str, str, str]
) -> None:
    assert seen(agent, touch_points=touch_points, screen=screen) == expected


@pytest.mark.parametrize(
    ("agent", "version", "expected"),
    [
        (CHROME, "15.0.0", ("Desktop", "Windows", "11")),
        (CHROME, "13.0.0", ("Desktop", "Windows", "11")),
        (CHROME, "10.0.0", ("Desktop", "Windows", "10")),
        (CHROME, "0.3.0", ("Desktop", "Windows", "8.1")),
        (CHROME, "?", ("Desktop", "Windows", "10")),
        (ANDROID, "16.0.0", ("Mobile", "Android", "16")),
        (MAC_CHROME, "15.6.1", ("Desktop", "macOS", "15.6")),
    ],
)  # fmt: skip
def test_exact_versions_take_precedence_over_frozen_ones(
    agent: str, version: str, expected: tuple[str, str, str]
) -> None:
    assert seen(agent, platform_version=version) == expected
    told = {"sec-ch-ua": '"Chromium";v="141"', "sec-ch-ua-platform-version": f'"{version}"'}
    assert seen(agent, told) == expected


def test_the_model_sent_by_the_browser_is_stored() -> None:
    assert process_hit(user_agent=ANDROID, model="Pixel 9 Pro")["device_model"] == "Pixel 9 Pro"
    assert "device_model" not in process_hit(user_agent=ANDROID)


@pytest.mark.parametrize(
    ("brands", "browser"),
    [
        ('"Brave";v="141", "Not?A_Brand";v="8", "Chromium";v="141"', ("Brave", "141")),
        ('"Google Chrome";v="141", "Not?A_Brand";v="8", "Chromium";v="141"', ("Chrome", "141")),
        ('"Vivaldi";v="7.6", "Chromium";v="141"', ("Vivaldi", "7.6")),
        ("not; a ;;; list", ("Chrome", "141")),
    ],
)
def test_brands_identify_browsers_that_claim_to_be_chrome(brands: str, browser: tuple[str, str]) -> None:
    stored = process_hit(headers={**BROWSER, "sec-ch-ua": brands})
    assert (stored["browser"], stored["browser_version"]) == browser


@pytest.mark.parametrize(
    ("agent", "kind", "system"),
    [
        (f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} Version/4.0 Chrome/141.0.0.0 Mobile"
         " DuckDuckGo/5 Safari/537.36", "Mobile", "Android"),
        (ANDROID, "Mobile", "Android"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X710) {WEBKIT} Chrome/141.0.0.0 Safari/537.36",
         "Tablet", "Android"),
        ("Mozilla/5.0 (Android 13; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0", "Tablet", "Android"),
        ("Mozilla/5.0 (Android 13; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Mobile", "Android"),
        (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {WEBKIT} Chrome/114.0.0.0 Safari/537.36"
         " ArkWeb/4.1.6.1 Mobile", "Mobile", "HarmonyOS"),
        (f"Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00) {WEBKIT} Chrome/92.0.4515.105"
         " HuaweiBrowser/12.1.4.301 Mobile Safari/537.36", "Mobile", "HarmonyOS"),
        (f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K GB) {WEBKIT} Chrome/141.0.0.0"
         " Safari/537.36", "TV", "Android"),
        (f"Mozilla/5.0 (Linux; Android 9; AFTSHN01) {WEBKIT} Silk/128.6.1 like"
         " Chrome/128.0.6613.194 Safari/537.36", "TV", "Android"),
        ("Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6"
         " Mobile/15E148 Safari/604.1", "Tablet", "iPadOS"),
        (IPHONE, "Mobile", "iOS"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/141.0.0.0 Safari/537.36",
         "Desktop", "ChromeOS"),
        ("Mozilla/5.0 (X11; FreeBSD amd64; rv:140.0) Gecko/20100101 Firefox/140.0", "Desktop", "FreeBSD"),
    ],
)  # fmt: skip
def test_kinds_of_devices_are_recognized(agent: str, kind: str, system: str) -> None:
    assert seen(agent)[:2] == (kind, system)


@pytest.mark.usefixtures("store")
def test_values_that_the_tracker_requested_from_the_browser_are_stored(site: Site) -> None:
    reset_state()
    view = {"site_id": site.pk, "type": "pageview", "href": "/"}
    send_request("/in.php", {**view, "tc": 5, "res": "1180x820"}, user_agent=MAC)
    send_request("/in.php", {**view, "tc": 10, "hep": "15.0.0", "hem": ""}, user_agent=CHROME)
    send_request("/in.php", {**view, "tc": 5, "hep": "16.0.0", "hem": "Pixel 9 Pro"}, user_agent=ANDROID)
    rows = list_stored_rows(site.pk)
    assert [(row["device_type"], row["os"], row["os_version"], row["device_model"]) for row in rows] == [
        ("Tablet", "iPadOS", "", "iPad"), ("Desktop", "Windows", "11", ""), ("Mobile", "Android", "16", "Pixel 9 Pro"),
    ]  # fmt: skip
