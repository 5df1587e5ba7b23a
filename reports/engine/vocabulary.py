"""Values that have a code and a name: `Germany`, `de` and `DE` are one country, whoever asks.

A closed vocabulary knows all its values, so that a value that names none is refused with a sentence. An open one
(browsers, systems) only knows other spellings: what it does not know passes as it was written.

The names are English (Unicode CLDR, from babel), as every page shows them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from babel import Locale
from babel.core import get_global

from reports.engine.refusal import QueryRefused, shown
from tracking.hit import KINDS
from tracking.steps.page import in_usual_case
from tracking.steps.source import CHANNELS

ENGLISH = Locale("en")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DEVICES = ("Desktop", "Mobile", "Tablet", "TV", "Console", "Other")
LANGUAGE_TAG = re.compile(r"([a-z]{2,3})(?:-[A-Za-z0-9]{1,8})*")
NO_TERRITORIES = {"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"}  # codes of two letters that CLDR names, but no countries
OTHER_COUNTRY_NAMES = {
    "burma": "MM", "cape verde": "CV", "czech republic": "CZ", "england": "GB", "great britain": "GB", "holland": "NL",
    "hong kong": "HK", "ivory coast": "CI", "macao": "MO", "macau": "MO", "palestine": "PS", "swaziland": "SZ",
    "turkey": "TR", "united states of america": "US",
}  # fmt: skip
OTHER_BROWSER_NAMES = {
    "google chrome": "Chrome", "microsoft edge": "Edge", "ms edge": "Edge", "mozilla firefox": "Firefox",
    "ie": "Internet Explorer", "msie": "Internet Explorer", "apple safari": "Safari",
}  # fmt: skip
BROWSERS = ("Chrome", "Edge", "Firefox", "Safari", "Opera", "Samsung Internet", "Internet Explorer", "Vivaldi",
            "Brave", "Yandex Browser", "Chrome WebView", "Safari WebView")  # fmt: skip
OTHER_SYSTEM_NAMES = {"mac os x": "macOS", "mac os": "macOS", "os x": "macOS", "mac": "macOS", "chrome os": "ChromeOS"}
SYSTEMS = ("Windows", "macOS", "Linux", "Android", "iOS", "ChromeOS", "iPadOS")


def fold(text: str) -> str:
    """The text as it is compared: without case, accents, kinds of quotes and repeated blanks; `&` is "and"."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(plain.replace("’", "'").replace("&", " and ").casefold().split())


@dataclass(frozen=True)
class Vocabulary:
    """The values of a dimension. `find` gives the stored value of a code or name, None where it names nothing.

    `examples`: what a refusal offers instead. `names`: code -> name, where pages show names instead of codes.
    """

    noun: str
    examples: str
    find: Callable[[str], str | None]
    closed: bool = True
    names: Callable[[], Mapping[str, str]] | None = None


# -- countries and languages ------------------------------------------------------------------------------------------


@cache
def country_names() -> Mapping[str, str]:
    """ISO 3166 code -> English name."""
    return {
        code: str(name)
        for code, name in ENGLISH.territories.items()
        if len(code) == 2 and code.isalpha() and code not in NO_TERRITORIES
    }


@cache
def country_codes() -> Mapping[str, str]:
    """Folded name or other code (alpha-3, numeric, UK) -> ISO 3166 code."""
    aliases = {code: to[0] for code, to in get_global("territory_aliases").items() if len(to) == 1}
    known = {fold(code): to for code, to in aliases.items() if to in country_names()}
    known |= OTHER_COUNTRY_NAMES
    known |= {fold(name): code for code, name in country_names().items()}
    known |= {fold(name).removeprefix("the "): code for code, name in country_names().items()}
    return known | {fold(code): code for code in country_names()}


def find_country(text: str) -> str | None:
    """The ISO 3166 code of a country's code or English name, in whatever case."""
    return country_codes().get(fold(text).removeprefix("the "))


def country_name(code: str) -> str:
    """The English name of a country; the code itself where it has none."""
    return str(ENGLISH.territories.get(code.upper(), code))


@cache
def region_codes() -> Mapping[str, str]:
    """Folded English name -> UN M49 code of regions with several countries: 419 of Latin America."""
    return {fold(str(name)): code for code, name in ENGLISH.territories.items() if code.isdigit()}


@cache
def language_names() -> Mapping[str, str]:
    """Language code -> English name, without territories."""
    return {code: str(name) for code, name in ENGLISH.languages.items() if "_" not in code and code != "und"}


@cache
def language_codes() -> Mapping[str, str]:
    """Folded English name -> language code."""
    return {fold(name): code for code, name in language_names().items()}


def language_tag(text: str) -> str | None:
    """The BCP 47 tag in its usual case (`de-at` -> `de-AT`); None for what is no tag of a known language."""
    tag = in_usual_case(text)
    found = LANGUAGE_TAG.fullmatch(tag)
    return tag if found and found[1] in language_names() else None


def find_language(text: str) -> str | None:
    """The tag of a language's tag or English name: `de-AT`, `German`, `German (Austria)`."""
    if (tag := language_tag(text)) and text not in language_names().values():  # Ga is a language, and ga is Irish
        return tag
    name, _, rest = text.strip().removesuffix(")").partition("(")
    code = language_codes().get(fold(name)) or language_codes().get(fold(text))
    if code is None or not rest:
        return code
    place = find_country(rest) or region_codes().get(fold(rest))
    return f"{code}-{place}" if place else None


def language_name(tag: str) -> str:
    """`German (Austria)` of `de-AT`; the tag itself where nobody knows it."""
    language, _, territory = tag.replace("_", "-").partition("-")
    name = ENGLISH.languages.get(language.lower())
    if not name:
        return tag
    place = ENGLISH.territories.get(territory.upper()) if territory else None
    return f"{name} ({place})" if place else str(name)


# -- the others -------------------------------------------------------------------------------------------------------


@cache
def currency_codes() -> Mapping[str, str]:
    """Folded English name -> ISO 4217 code."""
    return {fold(name): code for code, name in ENGLISH.currencies.items()}


def find_currency(text: str) -> str | None:
    """The ISO 4217 code of a currency's code or English name. Any three letters are a code."""
    if re.fullmatch(r"[A-Za-z]{3}", text.strip()):
        return text.strip().upper()
    return currency_codes().get(fold(text))


def find_weekday(text: str) -> str | None:
    """1 (Monday) to 7 of a number or an English name."""
    if text.strip() in set("1234567"):
        return text.strip()
    names = {fold(name)[:length]: str(n) for n, name in enumerate(WEEKDAYS, 1) for length in (3, 9)}
    return names.get(fold(text))


def find_hour_of_day(text: str) -> str | None:
    """0 to 23."""
    plain = text.strip().removesuffix(":00")
    return str(int(plain)) if re.fullmatch(r"\d{1,2}", plain, re.ASCII) and int(plain) < 24 else None


def find_in(words: tuple[str, ...], others: Mapping[str, str] | None = None) -> Callable[[str], str | None]:
    """A search among fixed words, in whatever case; `others` are folded other names of them."""
    known = {fold(word): word for word in words} | dict(others or {})
    return lambda text: known.get(fold(text))


VOCABULARIES: dict[str, Vocabulary] = {
    "country": Vocabulary("country", "a code such as DE or a name such as Germany", find_country, names=country_names),
    "language": Vocabulary("language", "a tag such as de or de-AT or a name such as German", find_language,
                           names=language_names),
    "channel": Vocabulary("channel", ", ".join(CHANNELS), find_in(CHANNELS)),
    "device": Vocabulary("device", ", ".join(DEVICES), find_in(DEVICES, {"phone": "Mobile", "computer": "Desktop"})),
    "kind": Vocabulary("kind of event", ", ".join(KINDS), find_in(KINDS)),
    "currency": Vocabulary("currency", "a code such as EUR or a name such as Euro", find_currency),
    "unique": Vocabulary("value of “unique”", "1 or 0", find_in(("0", "1"))),
    "weekday": Vocabulary("weekday", "1 (Monday) to 7, or a name such as Monday", find_weekday),
    "hour_of_day": Vocabulary("hour of day", "0 to 23", find_hour_of_day),
    "browser": Vocabulary("browser", "", find_in(BROWSERS, OTHER_BROWSER_NAMES), closed=False),
    "os": Vocabulary("operating system", "", find_in(SYSTEMS, OTHER_SYSTEM_NAMES), closed=False),
}  # fmt: skip


def canonical_value(name: str, text: str, where: str = "") -> str:
    """The value of the dimension `name` that a code or name stands for; the text itself for any other dimension.

    Raises QueryRefused for a text that names no value of a closed vocabulary. The empty value is always one.
    """
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None or text == "":
        return text
    found = vocabulary.find(text)
    if found is None and vocabulary.closed:
        raise QueryRefused(f"There is no {vocabulary.noun} {shown(text)}; use {vocabulary.examples}.", where)
    return text if found is None else found


def codes_named(name: str, holds: Callable[[str], bool]) -> tuple[str, ...]:
    """The codes of the dimension whose folded name satisfies `holds`; nothing for a dimension without names."""
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None or vocabulary.names is None:
        return ()
    return tuple(code for code, text in vocabulary.names().items() if holds(fold(text)))
