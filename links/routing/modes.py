"""How a link chooses the destination of a click: a class per mode, with the check of what a link stores for it, its
destinations, and the choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.core.exceptions import ValidationError

from links.models import Mode
from links.url_policy import clean_dynamic_url, clean_optional_url, clean_url

if TYPE_CHECKING:
    from links.routing.engine import ClickContext
    from links.routing.snapshot import LinkSnapshot

MAX_ITEMS = 100


def clean_list(value: object, field: str) -> list[Any]:
    """Return the value as a list of at most MAX_ITEMS. Raises ValidationError."""
    if not isinstance(value, list | tuple):
        raise ValidationError({field: "This must be a list of destinations."})
    if len(value) > MAX_ITEMS:
        raise ValidationError({field: f"These are {len(value)} destinations; there may be at most {MAX_ITEMS}."})
    return list(value)


def split_pair(row: object) -> tuple[object, object]:
    """Return the two parts of a row, "" for a missing one."""
    first, second = [*row, "", ""][:2] if isinstance(row, list | tuple) else ("", "")
    return first, second


def clean_codes(value: object, field: str, pattern: str, normalize: Callable[[str], str], what: str) -> list[list[str]]:
    """Clean [code, URL] pairs whose codes match `pattern` after `normalize`."""
    destinations = []
    for row in clean_list(value, field):
        code, url = split_pair(row)
        code = normalize(str(code or "").strip())
        if not re.fullmatch(pattern, code):
            raise ValidationError({field: f"“{code[:20]}” is not {what}."})
        destinations.append([code, clean_url(url, field)])
    return destinations


def normalize_country(code: str) -> str:
    """Normalize a country code to ISO 3166: UK and EL, which many people write, become GB and GR."""
    return {"UK": "GB", "EL": "GR"}.get(code.upper(), code.upper())


@dataclass(frozen=True, slots=True)
class MainUrl:
    """The link's URL, for everybody."""

    member: ClassVar[str] = ""  # of the JSON; "" where the mode needs none

    @classmethod
    def parse(cls, stored: object) -> Self:
        return cls()

    def list_destinations(self) -> Iterable[str]:
        return ()

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        """Return the destination of a click; "" for the link's URL."""
        return ""


@dataclass(frozen=True, slots=True)
class RequestedUrl(MainUrl):
    """The URL that the click asks for, if its host is allowed."""

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return clean_dynamic_url(context.requested_url, context.allowed_hosts(link)) if context.requested_url else ""


@dataclass(frozen=True, slots=True)
class UrlList:
    """A list of destinations."""

    member: ClassVar[str]
    urls: tuple[str, ...] = ()

    @classmethod
    def clean(cls, value: object, field: str) -> list[str]:
        return [clean_url(url, field) for url in clean_list(value, field)]

    @classmethod
    def parse(cls, stored: list[str] | None) -> Self:
        return cls(tuple(stored or ()))

    def list_destinations(self) -> Iterable[str]:
        return self.urls


@dataclass(frozen=True, slots=True)
class RandomUrl(UrlList):
    """Any of the list."""

    member: ClassVar[str] = "random"

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return context.random_source.choice(self.urls) if self.urls else ""


@dataclass(frozen=True, slots=True)
class NextUrl(UrlList):
    """The next of the list with each click on the link."""

    member: ClassVar[str] = "sequential"

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return self.urls[(context.click_number(link) - 1) % len(self.urls)] if self.urls else ""


@dataclass(frozen=True, slots=True)
class SpilloverUrl(UrlList):
    """The next of the list with each click of the same visitor, who stays on the last."""

    member: ClassVar[str] = "spillover"

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return self.urls[min(context.previous_clicks(link), len(self.urls) - 1)] if self.urls else ""


@dataclass(frozen=True, slots=True)
class WeightedUrl:
    """Any of the destinations, each as often as its weight in percent says."""

    member: ClassVar[str] = "weighted"
    weights: tuple[tuple[str, int], ...] = ()

    @classmethod
    def clean(cls, value: object, field: str) -> list[list[object]]:
        """Clean [URL, weight] pairs, whose weights must total 100."""
        destinations: list[list[Any]] = []
        for row in clean_list(value, field):
            try:
                url, weight = row
                weight = int(weight)
            except (TypeError, ValueError):
                raise ValidationError(
                    {field: "Each destination must be a URL and its weight, a whole number of percent from 0 to 100."}
                ) from None
            if not 0 <= weight <= 100:
                raise ValidationError({field: "A weight must be a whole number of percent from 0 to 100."})
            destinations.append([clean_url(url, field), weight])
        total = sum(weight for _, weight in destinations)
        if destinations and total != 100:
            raise ValidationError({field: f"The weights must add up to 100; these add up to {total}."})
        return destinations

    @classmethod
    def parse(cls, stored: list[tuple[str, int]] | None) -> Self:
        return cls(tuple((url, weight) for url, weight in stored or ()))

    def list_destinations(self) -> Iterable[str]:
        return (url for url, _ in self.weights)

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        point = context.random_source.random() * sum(weight for _, weight in self.weights)
        for url, weight in self.weights:
            point -= weight
            if point < 0:
                return url
        return ""


@dataclass(frozen=True, slots=True)
class UrlByCode:
    """A destination for each code."""

    member: ClassVar[str]
    urls: Mapping[str, str]

    @classmethod
    def parse(cls, stored: list[tuple[str, str]] | None) -> Self:
        return cls(dict(stored or ()))

    def list_destinations(self) -> Iterable[str]:
        return self.urls.values()


@dataclass(frozen=True, slots=True)
class UrlByLanguage(UrlByCode):
    """By the visitor's most preferred language that has a destination."""

    member: ClassVar[str] = "languages"

    @classmethod
    def clean(cls, value: object, field: str) -> list[list[str]]:
        pattern = r"[a-z]{2,3}(-[a-z0-9]{2,8})?"
        return clean_codes(value, field, pattern, lambda code: code.lower().replace("_", "-"), "a language code")

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        for language in context.languages:
            url = self.urls.get(language) or self.urls.get(language.partition("-")[0])
            if url:
                return url
        return ""


@dataclass(frozen=True, slots=True)
class UrlByCountry(UrlByCode):
    """By the visitor's country."""

    member: ClassVar[str] = "nations"

    @classmethod
    def clean(cls, value: object, field: str) -> list[list[str]]:
        return clean_codes(value, field, r"[A-Z]{2}", normalize_country, "a country code of two letters")

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return self.urls.get(context.country, "")


@dataclass(frozen=True, slots=True)
class UrlByBrowser:
    """One for mail programs, one for bots, one for mobile devices."""

    member: ClassVar[str] = "browser"
    mobile: str = ""
    email: str = ""
    spiders: str = ""

    @classmethod
    def clean(cls, value: object, field: str) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValidationError({field: "This must be an object with the members mobile, email and spiders."})
        names = ("mobile", "email", "spiders")
        return {name: clean_optional_url(value.get(name), field) for name in names if value.get(name)}

    @classmethod
    def parse(cls, stored: dict[str, str] | None) -> Self:
        return cls(**(stored or {}))

    def list_destinations(self) -> Iterable[str]:
        return filter(None, (self.mobile, self.email, self.spiders))

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        if context.email_client:  # before bots: mail programs prefetch what people are about to open
            return self.email
        if context.is_bot:
            return self.spiders
        return self.mobile if context.device in ("Mobile", "Tablet") else ""


@dataclass(frozen=True, slots=True)
class FirstClickUrl:
    """One for a visitor's first click; a bot's is none."""

    member: ClassVar[str] = "first"
    url: str = ""

    @classmethod
    def clean(cls, value: object, field: str) -> str:
        return clean_optional_url(value, field)

    @classmethod
    def parse(cls, stored: str | None) -> Self:
        return cls(stored or "")

    def list_destinations(self) -> Iterable[str]:
        return (self.url,) if self.url else ()

    def choose(self, link: LinkSnapshot, context: ClickContext) -> str:
        return self.url if self.url and not context.is_bot and context.is_unique(link) else ""


ModeRule = (
    MainUrl | RequestedUrl | RandomUrl | NextUrl | SpilloverUrl | WeightedUrl | UrlByLanguage | UrlByCountry
    | UrlByBrowser | FirstClickUrl
)  # fmt: skip
MODE_RULES: dict[Mode, type[ModeRule]] = {
    Mode.SIMPLE: MainUrl,
    Mode.DYNAMIC: RequestedUrl,
    Mode.RANDOM: RandomUrl,
    Mode.SEQUENTIAL: NextUrl,
    Mode.SPILLOVER: SpilloverUrl,
    Mode.WEIGHTED: WeightedUrl,
    Mode.LANGUAGE: UrlByLanguage,
    Mode.NATION: UrlByCountry,
    Mode.BROWSER: UrlByBrowser,
    Mode.UNIQUE: FirstClickUrl,
}
