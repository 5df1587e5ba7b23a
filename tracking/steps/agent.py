"""What with: browser, system and kind of device, read from the user agent and from what the browser adds to it.

Browsers have frozen most of their user agent, so what they say beside it goes first: the client hints of the request
(`Sec-CH-UA*`), the exact versions that the tracker asked for, and touch points, which no Mac has.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from user_agents import parse

from sites.facts import SiteFacts
from tracking.hit import Event, Hit, Refused

# The parser tells a mobile build from a desktop one by another family; readers want one name per product.
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
TELEVISIONS = re.compile(
    r"smart[-_ ]?tv|google ?tv|apple ?tv|android ?tv|hbbtv|\broku|\baft[a-z]{1,4}\b|web0s|tizen(?!.*mobile)"
    r"|[^a-z]tv[^a-z]|bravia|\bmi(?:tv|box)|netcast|nettv|\bcrkey\b|viera|vidaa|philipstv|\btpm\d|opera tv"
    r"|inettvbrowser|stb\d*\b|\bott\b|\bce-html\b|large screen|shield android|chromecast|\bmaple|dtv\b"
    r"|brightsign|tvplus"
)
ANDROID_TELEVISIONS = re.compile(
    r"(?<!drop)box(?=[ _;)]|s\d)|\b[a-z]?4k\b|\baft[a-z0-9]{1,7}\b|\b(?:tx|km|h)9\d?[a-z]*\b|\bmxq|\bstick\b|dongle"
    r"|[;-] ?\d{2}[a-z]{1,4}\d{3,5}|\bmecool|me-cool|rombica|vizio|\bmitv"
)
TABLETS = re.compile(r"tablet|\btab\b|(?<!/a)pad\b|\bsm-[tx]\d|\bpixel c\b|kindle|\bkf[a-z]{2,5}\b")
COMPUTERS = re.compile(r"\(pc;|chromebook|pixelbook")
CONSOLES = ("playstation", "xbox", "nintendo")
HARMONY = re.compile(r"harmonyos|openharmony(?: (?P<version>[\d.]+))?", re.IGNORECASE)
NO_MODELS = frozenset({"Other", "Mac", "Smartphone", "Tablet", "K", "Desktop"})  # K: Android, whatever the device
FROZEN = frozenset({"macOS", "Android", "ChromeOS"})  # systems whose version in the user agent no longer moves
OLD_IPADS = frozenset(str(number) for number in range(3, 13))  # their system was still iOS
LONGEST = 600
LONGEST_HINT = 100
PHONE_WIDTH = 600  # CSS pixels: the narrower side of a phone's screen is below


class Hints(NamedTuple):
    """What a browser says of itself beside its user agent; empty where it says nothing."""

    platform: str = ""  # Windows, macOS, Android …
    platform_version: str = ""  # 15.0.0
    model: str = ""  # Pixel 9 Pro
    brands: str = ""  # the header Sec-CH-UA
    mobile: str = ""  # ?1 or ?0
    touch: bool = False  # more than one finger
    narrow: bool = False  # the screen of a phone


NO_HINTS = Hints()


def short_version(text: str) -> str:
    """`120.0.6099.43` -> `120`, `17.2.1` -> `17.2`: two parts at most, no trailing zero."""
    parts = text.split(".")[:2]
    return parts[0] if len(parts) < 2 or parts[1] in ("", "0") else ".".join(parts)


def windows_version(platform_version: str) -> str:
    """The marketing name of a Windows by its hint: 13 and above is Windows 11, 1 to 10 is Windows 10."""
    parts = platform_version.split(".")
    if not parts[0].isdigit():
        return ""
    major = int(parts[0])
    if major == 0:
        return {"1": "7", "2": "8", "3": "8.1"}.get(parts[1] if len(parts) > 1 else "", "")
    return "11" if major >= 13 else "10"


def is_phone_agent(low: str) -> bool:
    """Whether the user agent of an Android or HarmonyOS device, in lower case, is a phone's."""
    if TABLETS.search(low):
        return False
    return "mobile" in low or "phone" in low or "dalvik/" in low


def android_type(low: str, hints: Hints) -> str:
    """Desktop, Mobile, Tablet or TV of an Android or HarmonyOS device."""
    if COMPUTERS.search(low):
        return "Desktop"
    if ANDROID_TELEVISIONS.search(low):
        return "TV"
    phone = hints.mobile == "?1" if hints.mobile else is_phone_agent(low) or hints.narrow
    return "Mobile" if phone else "Tablet"


def device_type(agent: object, low: str, system: str, hints: Hints) -> str:
    """Desktop, Mobile, Tablet, TV, Console or Other; `low` is the user agent in lower case between blanks."""
    if any(word in low for word in CONSOLES):
        return "Console"
    if TELEVISIONS.search(low):
        return "TV"
    if system in ("Android", "HarmonyOS"):
        return android_type(low, hints)
    for flag, name in (("is_tablet", "Tablet"), ("is_mobile", "Mobile"), ("is_pc", "Desktop")):
        if getattr(agent, flag):
            return name
    return "Desktop" if " (x11;" in low or "(wayland;" in low else "Other"


def system_columns(family: str, version: str, user_agent: str, hints: Hints) -> tuple[str, str]:
    """(system, version), the exact ones where the browser told them."""
    system = SYSTEMS.get(family, family) if family != "Other" else ""
    if found := HARMONY.search(user_agent):
        return "HarmonyOS", short_version(found["version"] or "")
    if system == "macOS" and hints.touch:
        return "iPadOS", ""
    if system == "iOS" and "iPad" in user_agent and version.partition(".")[0] not in OLD_IPADS:
        system = "iPadOS"
    if system == "Linux" and (hints.platform == "Android" or (hints.touch and hints.narrow)):
        return "Android", short_version(hints.platform_version)  # a phone that asks for the desktop's page
    if system == "Windows" and hints.platform_version:
        return system, windows_version(hints.platform_version) or version
    if system in FROZEN and hints.platform_version:
        return system, short_version(hints.platform_version)
    return system, short_version(version)


def brand_columns(hints: Hints) -> dict[str, str]:
    """Browser and version of a browser that its user agent hides behind Chrome."""
    for brand, version in re.findall(r'"([^"]{1,60})"\s*;\s*v="([^"]{0,40})"', hints.brands):
        if brand in BRANDS:
            return {"browser": BRANDS[brand], "browser_version": short_version(version)}
    return {}


def model_of(model: str, system: str, hints: Hints) -> str:
    """The device's model, the one the browser told first; none of the words that stand for any device."""
    if hints.model:
        return hints.model
    if system == "iPadOS":
        return "iPad"
    return model if model not in NO_MODELS else ""


@lru_cache(maxsize=20_000)
def agent_columns(user_agent: str, hints: Hints = NO_HINTS) -> dict[str, str]:
    """The columns that a user agent and its hints fill."""
    user_agent = user_agent.replace("\x00", "")[:500]
    agent = parse(user_agent)
    known = agent.browser.family != "Other"
    system, version = system_columns(agent.os.family, agent.os.version_string, user_agent, hints)
    kind = device_type(agent, f" {user_agent.lower()} ", system, hints)
    columns = {
        "device_type": "Tablet" if system == "iPadOS" else kind,
        "device_model": model_of(agent.device.model or "", system, hints),
        "browser": BROWSERS.get(agent.browser.family, agent.browser.family) if known else "",
        "browser_version": short_version(agent.browser.version_string),
        "os": system,
        "os_version": version,
        "user_agent": user_agent,
    }
    if columns["browser"] == "Chrome" and hints.brands:
        columns |= brand_columns(hints)
    return {name: value for name, value in columns.items() if value}


def is_narrow(screen: str) -> bool:
    """Whether a screen such as `412x915` is a phone's, in CSS pixels."""
    width, _, height = screen[:20].partition("x")
    return width.isdecimal() and height.isdecimal() and 0 < min(int(width), int(height)) < PHONE_WIDTH


def unquoted(text: str) -> str:
    """A structured header's text without its quotes."""
    return text[:LONGEST_HINT].strip().strip('"').strip()


@lru_cache(maxsize=20_000)
def hinted_columns(
    user_agent: str, brands: str, mobile: str, platform: str, version: str, model: str, touch: bool, screen: str
) -> dict[str, str]:
    """The columns of a user agent and of hints as they were sent; `screen` is given where there is touch."""
    hints = Hints(
        unquoted(platform), unquoted(version), unquoted(model), brands[:500], mobile[:2], touch,
        touch and is_narrow(screen),
    )  # fmt: skip
    return agent_columns(user_agent, hints)


def columns_of(hit: Hit) -> dict[str, str]:
    """The columns of the visitor's browser, by its headers and by what the tracker asked it."""
    user_agent, get = hit.user_agent[:LONGEST], hit.headers.get
    brands, touch = get("sec-ch-ua", ""), hit.touch_points > 1
    if not brands and not touch and not hit.platform_version and not hit.model:
        return agent_columns(user_agent)
    return hinted_columns(
        user_agent, brands, get("sec-ch-ua-mobile", ""), get("sec-ch-ua-platform", ""),
        hit.platform_version or get("sec-ch-ua-platform-version", ""), hit.model or get("sec-ch-ua-model", ""),
        touch, hit.screen if touch else "",
    )  # fmt: skip


def read_agent(hit: Hit, facts: SiteFacts, event: Event) -> Refused | None:
    """Fill browser, system, device."""
    if hit.user_agent:
        event.update(columns_of(hit))
    return None
