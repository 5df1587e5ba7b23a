"""Values that have a code and a name: `Germany`, `de` and `DE` are one country in every API and on every page.

A closed vocabulary lists all its values, so that any other one is rejected with a sentence. An open one (browsers,
systems) only has other spellings of some: any other value is accepted as it was written.

The names are English (Unicode CLDR, from babel), as all pages show them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from babel import Locale
from babel.core import get_global

from reports.query.errors import QueryRefused, quote_value
from tracking.event import KINDS
from tracking.pipeline.page import normalize_language_tag
from tracking.pipeline.source import CHANNELS

ENGLISH = Locale("en")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DEVICES = ("Desktop", "Mobile", "Tablet", "TV", "Console", "Other")
LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:-[A-Za-z0-9]{1,8})*")
NO_TERRITORIES = {
    "EU",
    "EZ",
    "UN",
    "QO",
    "XA",
    "XB",
    "ZZ",
}  # codes of two letters with a name in CLDR that are not countries
COUNTRY_ALIASES = {
    "burma": "MM", "cape verde": "CV", "czech republic": "CZ", "england": "GB", "great britain": "GB", "holland": "NL",
    "hong kong": "HK", "ivory coast": "CI", "macao": "MO", "macau": "MO", "palestine": "PS", "swaziland": "SZ",
    "turkey": "TR", "united states of america": "US",
}  # fmt: skip
BROWSER_ALIASES = {
    "google chrome": "Chrome", "microsoft edge": "Edge", "ms edge": "Edge", "mozilla firefox": "Firefox",
    "ie": "Internet Explorer", "msie": "Internet Explorer", "apple safari": "Safari",
}  # fmt: skip
BROWSERS = ("Chrome", "Edge", "Firefox", "Safari", "Opera", "Samsung Internet", "Internet Explorer", "Vivaldi",
            "Brave", "Yandex Browser", "Chrome WebView", "Safari WebView")  # fmt: skip
SYSTEM_ALIASES = {"mac os x": "macOS", "mac os": "macOS", "os x": "macOS", "mac": "macOS", "chrome os": "ChromeOS"}
SYSTEMS = ("Windows", "macOS", "Linux", "Android", "iOS", "ChromeOS", "iPadOS")


@lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """Normalise a text for comparisons: without case, accents, kinds of quotes and repeated blanks; `&` is "and"."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.replace("’", "'").replace("&", " and ").casefold().split())


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The values of a dimension.

    `find` returns the stored value of a code or name, None if it names nothing. `examples`: what the error for an
    unknown value suggests. `names`: code -> name, where pages show names instead of codes.
    """

    noun: str
    examples: str
    find: Callable[[str], str | None]
    closed: bool = True
    names: Callable[[], Mapping[str, str]] | None = None


# -- countries and languages ------------------------------------------------------------------------------------------


@cache
def load_country_names() -> Mapping[str, str]:
    """Return ISO 3166 code -> English name."""
    return {
        code: str(name)
        for code, name in ENGLISH.territories.items()
        if len(code) == 2 and code.isalpha() and code not in NO_TERRITORIES
    }


@cache
def load_country_codes() -> Mapping[str, str]:
    """Return folded name or other code (alpha-3, numeric, UK) -> ISO 3166 code."""
    aliases = {code: to[0] for code, to in get_global("territory_aliases").items() if len(to) == 1}
    codes = {fold(code): to for code, to in aliases.items() if to in load_country_names()}
    codes |= COUNTRY_ALIASES
    codes |= {fold(name): code for code, name in load_country_names().items()}
    codes |= {fold(name).removeprefix("the "): code for code, name in load_country_names().items()}
    return codes | {fold(code): code for code in load_country_names()}


def find_country(text: str) -> str | None:
    """Return the ISO 3166 code for a country's code or English name, in whatever case."""
    return load_country_codes().get(fold(text).removeprefix("the "))


def format_country(code: str) -> str:
    """Return the English name of a country; the code itself if it has none."""
    return str(ENGLISH.territories.get(code.upper(), code))


@cache
def load_region_codes() -> Mapping[str, str]:
    """Return folded English name -> UN M49 code of regions with several countries: 419 for Latin America."""
    return {fold(str(name)): code for code, name in ENGLISH.territories.items() if code.isdigit()}


@cache
def load_language_names() -> Mapping[str, str]:
    """Return language code -> English name, without territories."""
    return {code: str(name) for code, name in ENGLISH.languages.items() if "_" not in code and code != "und"}


@cache
def load_language_codes() -> Mapping[str, str]:
    """Return folded English name -> language code."""
    return {fold(name): code for code, name in load_language_names().items()}


def find_language_tag(text: str) -> str | None:
    """Return the BCP 47 tag in its usual case (`de-at` -> `de-AT`); None if it is not a tag of an existing language."""
    tag = normalize_language_tag(text)
    match = LANGUAGE_TAG.fullmatch(tag)
    return tag if match and match[1] in load_language_names() else None


def find_language(text: str) -> str | None:
    """Return the tag for a language's tag or English name: `de-AT`, `German`, `German (Austria)`."""
    if (
        tag := find_language_tag(text)
    ) and text not in load_language_names().values():  # Ga is a language, but ga is Irish
        return tag
    name, _, rest = text.strip().removesuffix(")").partition("(")
    code = load_language_codes().get(fold(name)) or load_language_codes().get(fold(text))
    if code is None or not rest:
        return code
    place = find_country(rest) or load_region_codes().get(fold(rest))
    return f"{code}-{place}" if place else None


def format_language(tag: str) -> str:
    """Return the English name, `German (Austria)` for `de-AT`; the tag itself if it has none."""
    language, _, territory = tag.replace("_", "-").partition("-")
    name = ENGLISH.languages.get(language.lower())
    if not name:
        return tag
    place = ENGLISH.territories.get(territory.upper()) if territory else None
    return f"{name} ({place})" if place else str(name)


# -- the others -------------------------------------------------------------------------------------------------------


@cache
def load_currency_codes() -> Mapping[str, str]:
    """Return folded English name -> ISO 4217 code."""
    return {fold(name): code for code, name in ENGLISH.currencies.items()}


def find_currency(text: str) -> str | None:
    """Return the ISO 4217 code for a currency's code or English name. Any three letters are a code."""
    if re.fullmatch(r"[A-Za-z]{3}", text.strip()):
        return text.strip().upper()
    return load_currency_codes().get(fold(text))


def find_weekday(text: str) -> str | None:
    """Return 1 (Monday) to 7 for a number or an English name."""
    if text.strip() in set("1234567"):
        return text.strip()
    names = {fold(name)[:length]: str(n) for n, name in enumerate(WEEKDAYS, 1) for length in (3, 9)}
    return names.get(fold(text))


def find_hour_of_day(text: str) -> str | None:
    """Return 0 to 23 for an hour such as 7, 07 or 7:00."""
    plain = text.strip().removesuffix(":00")
    return str(int(plain)) if re.fullmatch(r"\d{1,2}", plain, re.ASCII) and int(plain) < 24 else None


def build_search(values: tuple[str, ...], aliases: Mapping[str, str] | None = None) -> Callable[[str], str | None]:
    """Build the search among fixed values, in whatever case. `aliases`: folded other name -> value."""
    by_name = {fold(value): value for value in values} | dict(aliases or {})
    return lambda text: by_name.get(fold(text))


VOCABULARIES: dict[str, Vocabulary] = {
    "country": Vocabulary(noun="country", examples="a code such as DE or a name such as Germany", find=find_country,
                          names=load_country_names),
    "language": Vocabulary(noun="language", examples="a tag such as de or de-AT or a name such as German",
                           find=find_language,
                           names=load_language_names),
    "channel": Vocabulary(noun="channel", examples=", ".join(CHANNELS), find=build_search(CHANNELS)),
    "device": Vocabulary(noun="device", examples=", ".join(DEVICES), find=build_search(
        DEVICES, {"phone": "Mobile", "computer": "Desktop"})),
    "kind": Vocabulary(noun="kind of event", examples=", ".join(KINDS), find=build_search(KINDS)),
    "currency": Vocabulary(noun="currency", examples="a code such as EUR or a name such as Euro", find=find_currency),
    "unique": Vocabulary(noun="value of “unique”", examples="1 or 0", find=build_search(("0", "1"))),
    "weekday": Vocabulary(noun="weekday", examples="1 (Monday) to 7, or a name such as Monday", find=find_weekday),
    "hour_of_day": Vocabulary(noun="hour of day", examples="0 to 23", find=find_hour_of_day),
    "browser": Vocabulary(noun="browser", examples="", find=build_search(BROWSERS, BROWSER_ALIASES), closed=False),
    "os": Vocabulary(noun="operating system", examples="", find=build_search(SYSTEMS, SYSTEM_ALIASES), closed=False),
}  # fmt: skip


def find_canonical_value(name: str, text: str, where: str = "") -> str:
    """Return the value of the dimension `name` that a code or name stands for; the text itself for other dimensions.

    Raises QueryRefused for a text that names no value of a closed vocabulary. The empty value is in every one.
    """
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None or text == "":
        return text
    value = vocabulary.find(text)
    if value is None and vocabulary.closed:
        raise QueryRefused(f"There is no {vocabulary.noun} {quote_value(text)}; use {vocabulary.examples}.", where)
    return text if value is None else value


def find_codes_by_name(name: str, matches: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the codes whose folded name satisfies `matches`; nothing for a dimension without names."""
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None or vocabulary.names is None:
        return ()
    return tuple(code for code, text in vocabulary.names().items() if matches(fold(text)))
