"""Parse browser, operating system and type of device from the user agent and the browser's further hints.

Browsers have frozen most of their user agent, so hints take precedence: the client hints of the request
(`Sec-CH-UA*`), the exact versions that the tracker requested, and touch points, which no Mac has.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, cast

from user_agents import parse

from tracking.schema import Event

# The parser has separate families for mobile builds; reports need one name per product.
BROWSERS = {
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "Opera Mobile": "Opera",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
}
BRANDS = {  # of browsers that call themselves Chrome in their user agent
    "Brave": "Brave", "DuckDuckGo": "DuckDuckGo", "Vivaldi": "Vivaldi", "Opera": "Opera", "YaBrowser": "Yandex Browser",
    "Microsoft Edge": "Edge", "Samsung Internet": "Samsung Internet", "Ecosia": "Ecosia",
}  # fmt: skip
SYSTEMS = {"Mac OS X": "macOS", "Ubuntu": "Linux", "Fedora": "Linux", "Debian": "Linux", "Chrome OS": "ChromeOS"}
TV_PATTERN = re.compile(
    r"smart[-_ ]?tv|google ?tv|apple ?tv|android ?tv|hbbtv|\broku|\baft[a-z]{1,4}\b|web0s|tizen(?!.*mobile)"
    r"|[^a-z]tv[^a-z]|bravia|\bmi(?:tv|box)|netcast|nettv|\bcrkey\b|viera|vidaa|philipstv|\btpm\d|opera tv"
    r"|inettvbrowser|stb\d*\b|\bott\b|\bce-html\b|large screen|shield android|chromecast|\bmaple|dtv\b"
    r"|brightsign|tvplus"
)
ANDROID_TV_PATTERN = re.compile(
    r"(?<!drop)box(?=[ _;)]|s\d)|\b[a-z]?4k\b|\baft[a-z0-9]{1,7}\b|\b(?:tx|km|h)9\d?[a-z]*\b|\bmxq|\bstick\b|dongle"
    r"|[;-] ?\d{2}[a-z]{1,4}\d{3,5}|\bmecool|me-cool|rombica|vizio|\bmitv"
)
TABLET_PATTERN = re.compile(r"tablet|\btab\b|(?<!/a)pad\b|\bsm-[tx]\d|\bpixel c\b|kindle|\bkf[a-z]{2,5}\b")
COMPUTER_PATTERN = re.compile(r"\(pc;|chromebook|pixelbook")
CONSOLE_WORDS = ("playstation", "xbox", "nintendo")
HARMONY_PATTERN = re.compile(r"harmonyos|openharmony(?: (?P<version>[\d.]+))?", re.IGNORECASE)
GENERIC_MODELS = frozenset({"Other", "Mac", "Smartphone", "Tablet", "K", "Desktop"})  # K: any Android device
FROZEN_SYSTEMS = frozenset({"macOS", "Android", "ChromeOS"})  # their version in the user agent never changes
OLD_IPAD_VERSIONS = frozenset(str(number) for number in range(3, 13))  # their system was still iOS
MAX_HINT_LENGTH = 100
MAX_PHONE_WIDTH = 600  # CSS pixels of the narrower side of a screen


class Hints(NamedTuple):
    """What a browser reports beside its user agent; empty where it reports nothing."""

    platform: str = ""  # Windows, macOS, Android …
    platform_version: str = ""  # 15.0.0
    model: str = ""  # Pixel 9 Pro
    brands: str = ""  # the header Sec-CH-UA
    mobile: str = ""  # ?1 or ?0
    touch: bool = False  # more than one finger
    narrow: bool = False  # the screen of a phone


NO_HINTS = Hints()


def shorten_version(text: str) -> str:
    """Shorten a version to two parts at most, without a trailing zero: `120.0.6099.43` -> `120`, `17.2.1` -> `17.2`."""
    parts = text.split(".")[:2]
    return parts[0] if len(parts) < 2 or parts[1] in ("", "0") else ".".join(parts)


def name_windows_version(platform_version: str) -> str:
    """Return the marketing name of a Windows version by its hint: 13 and above is 11, 1 to 10 is 10."""
    parts = platform_version.split(".")
    if not parts[0].isdigit():
        return ""
    major = int(parts[0])
    if major == 0:
        return {"1": "7", "2": "8", "3": "8.1"}.get(parts[1] if len(parts) > 1 else "", "")
    return "11" if major >= 13 else "10"


def is_phone_agent(lower: str) -> bool:
    """Return whether the user agent of an Android or HarmonyOS device, in lower case, is a phone's."""
    if TABLET_PATTERN.search(lower):
        return False
    return "mobile" in lower or "phone" in lower or "dalvik/" in lower


def find_android_type(lower: str, hints: Hints) -> str:
    """Return the type of an Android or HarmonyOS device: Desktop, Mobile, Tablet or TV."""
    if COMPUTER_PATTERN.search(lower):
        return "Desktop"
    if ANDROID_TV_PATTERN.search(lower):
        return "TV"
    phone = hints.mobile == "?1" if hints.mobile else is_phone_agent(lower) or hints.narrow
    return "Mobile" if phone else "Tablet"


def find_device_type(agent: object, lower: str, system: str, hints: Hints) -> str:
    """Return Desktop, Mobile, Tablet, TV, Console or Other; `lower` is the user agent in lower case between blanks."""
    if any(word in lower for word in CONSOLE_WORDS):
        return "Console"
    if TV_PATTERN.search(lower):
        return "TV"
    if system in ("Android", "HarmonyOS"):
        return find_android_type(lower, hints)
    for flag, name in (("is_tablet", "Tablet"), ("is_mobile", "Mobile"), ("is_pc", "Desktop")):
        if getattr(agent, flag):
            return name
    return "Desktop" if " (x11;" in lower or "(wayland;" in lower else "Other"


def find_system(family: str, version: str, user_agent: str, hints: Hints) -> tuple[str, str]:
    """Return (operating system, version), by the browser's hints where it sent them."""
    system = SYSTEMS.get(family, family) if family != "Other" else ""
    if match := HARMONY_PATTERN.search(user_agent):
        return "HarmonyOS", shorten_version(match["version"] or "")
    if system == "macOS" and hints.touch:
        return "iPadOS", ""
    if system == "iOS" and "iPad" in user_agent and version.partition(".")[0] not in OLD_IPAD_VERSIONS:
        system = "iPadOS"
    if system == "Linux" and (hints.platform == "Android" or (hints.touch and hints.narrow)):
        return "Android", shorten_version(hints.platform_version)  # a phone that requests the desktop site
    if system == "Windows" and hints.platform_version:
        return system, name_windows_version(hints.platform_version) or version
    if system in FROZEN_SYSTEMS and hints.platform_version:
        return system, shorten_version(hints.platform_version)
    return system, shorten_version(version)


def find_branded_browser(hints: Hints) -> Event:
    """Return name and version of a browser whose user agent claims to be Chrome; {} for any other."""
    for brand, version in re.findall(r'"([^"]{1,60})"\s*;\s*v="([^"]{0,40})"', hints.brands):
        if brand in BRANDS:
            return {"browser": BRANDS[brand], "browser_version": shorten_version(version)}
    return {}


def find_model(model: str, system: str, hints: Hints) -> str:
    """Return the device's model, preferably from the hints; "" for names that stand for any device."""
    if hints.model:
        return hints.model
    if system == "iPadOS":
        return "iPad"
    return model if model not in GENERIC_MODELS else ""


@lru_cache(maxsize=20_000)
def parse_agent(user_agent: str, hints: Hints = NO_HINTS) -> Event:
    """Return the columns of a user agent and its hints."""
    user_agent = user_agent.replace("\x00", "")[:500]
    agent = parse(user_agent)
    has_browser = agent.browser.family != "Other"
    system, version = find_system(agent.os.family, agent.os.version_string, user_agent, hints)
    device_type = find_device_type(agent, f" {user_agent.lower()} ", system, hints)
    columns: Event = {
        "device_type": "Tablet" if system == "iPadOS" else device_type,
        "device_model": find_model(agent.device.model or "", system, hints),
        "browser": BROWSERS.get(agent.browser.family, agent.browser.family) if has_browser else "",
        "browser_version": shorten_version(agent.browser.version_string),
        "os": system,
        "os_version": version,
        "user_agent": user_agent,
    }
    if columns["browser"] == "Chrome" and hints.brands:
        columns |= find_branded_browser(hints)
    return cast(Event, {name: value for name, value in columns.items() if value})


def is_narrow(screen: str) -> bool:
    """Return whether a screen such as `412x915` (CSS pixels) is a phone's."""
    width, _, height = screen[:20].partition("x")
    return width.isdecimal() and height.isdecimal() and 0 < min(int(width), int(height)) < MAX_PHONE_WIDTH


def unquote_hint(text: str) -> str:
    """Return the text of a structured header without its quotes."""
    return text[:MAX_HINT_LENGTH].strip().strip('"').strip()


@lru_cache(maxsize=20_000)
def parse_agent_with_hints(
    user_agent: str, brands: str, mobile: str, platform: str, version: str, model: str, touch: bool, screen: str
) -> Event:
    """Return the columns of a user agent and raw hints. `screen` is only passed where there is touch, to cache well."""
    hints = Hints(
        unquote_hint(platform), unquote_hint(version), unquote_hint(model), brands[:500], mobile[:2], touch,
        touch and is_narrow(screen),
    )  # fmt: skip
    return parse_agent(user_agent, hints)
