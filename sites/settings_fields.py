"""Validation of a site's settings, shared by forms, the REST API, commands and services.

Each `clean_…` function returns a value in its stored form or raises ValidationError with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address

from accounts.host_names import normalize_host
from accounts.security.client_ip import parse_network
from accounts.security.encrypted_fields import Unreadable
from accounts.validators import clean_labels, clean_timezone
from sites.hosts import normalize_host_pattern
from sites.models import MAX_RETENTION_MONTHS, AddressPolicy, CookiePolicy
from sites.widget_settings import clean_widget

MAX_ENTRIES = 500
MAX_PAGE_LENGTH = 500
MAX_TRACKER_CHARACTERS = 8000
# A label of a host name as browsers accept it: names in local networks may have underscores
HOST_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
MAX_HOST_LENGTH = 253
T = TypeVar("T")
PROXY_SECRET = re.compile(r"[A-Za-z0-9_-]{0,40}")


def clean_domain(value: object) -> str:
    """Read a host name or IP address, with or without scheme, port and path around it.

    Names of the own machine and network are valid: `localhost`, `intranet`, `a_b.example.com`.
    """
    name = normalize_host(str(value))
    if not _is_host(name) and not _is_address(name):
        raise ValidationError("Enter a host name such as example.org or localhost.")
    return name


def build_line_cleaner(max_length: int) -> Callable[[object], str]:
    """Build a function for a line of text; white space is collapsed."""

    def clean(value: object) -> str:
        line = " ".join(str(value or "").split())
        if len(line) > max_length:
            raise ValidationError(f"Use at most {max_length} characters.")
        return line

    return clean


def clean_boolean(value: object) -> bool:
    """Check a boolean; values such as 1 or "yes" are not converted."""
    if not isinstance(value, bool):
        raise ValidationError("Must be true or false.")
    return value


def build_choice_cleaner(choices: list[str]) -> Callable[[object], str]:
    """Build a function for one of several words."""

    def clean(value: object) -> str:
        if value not in choices:
            raise ValidationError(f"Must be one of: {', '.join(choices)}.")
        return str(value)

    return clean


def build_integer_cleaner(minimum: int, maximum: int) -> Callable[[object], int]:
    """Build a function for an integer within bounds, both included."""

    def clean(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise ValidationError(f"Must be a whole number from {minimum} to {maximum}.")
        return value

    return clean


def build_list_cleaner(clean_entry: Callable[[str], str]) -> Callable[[object], list[str]]:
    """Build a function for a list of entries; blank ones and repetitions are dropped."""

    def clean(value: object) -> list[str]:
        if not isinstance(value, (list, tuple)) or len(value) > MAX_ENTRIES:
            raise ValidationError(f"Must be a list of at most {MAX_ENTRIES} entries.")
        return list(dict.fromkeys(clean_entry(str(entry).strip()) for entry in value if str(entry).strip()))

    return clean


def clean_network(value: str) -> str:
    """Read an IP address or a CIDR network."""
    parsed = parse_network(value)
    if parsed is None:
        raise ValidationError(f"{value!r} is neither an address nor a network such as 192.0.2.0/24.")
    return str(parsed.network_address) if parsed.num_addresses == 1 else str(parsed)


def clean_host_pattern(value: str) -> str:
    """Read an allowed host: `example.org`, or `*example.org` for it and its subdomains."""
    pattern = normalize_host_pattern(value)
    clean_domain(pattern.lstrip("*"))
    return pattern


def clean_page_pattern(value: str) -> str:
    """Read a path with `*` as a wildcard; of a URL, only the path is used."""
    path = "/" + value.split("//", 1)[1].partition("/")[2] if "//" in value else value
    if not path.startswith(("/", "*")) or len(path) > MAX_PAGE_LENGTH:
        raise ValidationError(f"{value!r} must begin with / or *.")
    return path


def clean_country(value: str) -> str:
    """Read a country code of ISO 3166, or A1 for data-centre networks."""
    code = value.upper()
    if not re.fullmatch(r"[A-Z]{2}|A1", code):
        raise ValidationError(f"{value!r} is not a country code such as EE, nor A1.")
    return code


def clean_proxy_secret(value: object) -> str:
    """Check the secret in a proxied path; an empty one switches it off."""
    if isinstance(value, Unreadable):  # stored with another SECRET_KEY: kept, since that key may be added again
        return value  # type: ignore[return-value]
    secret = str(value or "")
    if not PROXY_SECRET.fullmatch(secret) or 0 < len(secret) < 12:
        raise ValidationError("Use 12 to 40 letters, digits, - and _.")
    return secret


def parse_share(value: object) -> float:
    """Parse a stored share, 0 to 1; true is all, and what is no number is nothing."""
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) else 0.0


def parse_texts(value: object) -> tuple[str, ...]:
    """Parse a stored list of texts."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def parse_minutes(value: object) -> int:
    """Parse a stored number of minutes; 0 for anything else."""
    return int(value) if isinstance(value, int | float) else 0


def declare_setting(
    default: T,
    *,
    parse: Callable[[Any], object] = bool,
    check: Callable[[object], object] | None = None,
    script: str = "",
    label: str = "",
    help_text: str = "",
    choices: Sequence[tuple[str, str]] = (),
) -> T:
    """Declare a setting of `TrackerSettings`.

    `parse` reads what is stored, `check` is for what is not stored yet, where not every value is valid. `script` is the
    setting's name in what the tracker's script receives (`static/tracker/WIRE.md`, 3). With a label it is a field of
    the form of the tracker's settings.
    """
    names = {"parse": parse, "check": check, "script": script, "label": label, "help_text": help_text}
    return field(default=default, metadata={**names, "choices": choices})


UNTYPED_CLICK, UNTYPED_VIEW = "click", "pageview"  # what a call of `clicky.log` without a type records


@dataclass(frozen=True, kw_only=True)
class TrackerSettings:
    """The settings of tracker and pipeline that a site chose, stored in `Site.tracker` by these names."""

    pings: bool = declare_setting(True, script="ping")
    outbound: bool = declare_setting(True, script="link")
    forms: bool = declare_setting(True, script="form")
    media: bool = declare_setting(False, script="media")
    replace_state: bool = declare_setting(
        False,
        check=clean_boolean,
        script="replace",
        label="Count history.replaceState as a page view",
        help_text="For routers that replace the address. Leave it off where filters or sorting change the address",
    )
    hash_routes: bool = declare_setting(
        False,
        check=clean_boolean,
        script="hash",
        label="Count changes of the hash as page views",
        help_text="For routers with addresses such as /#/about or /#!about, which then are pages of their own. "
        "Other hashes, such as #contact, are still parts of a page",
    )
    navigation_api: bool = declare_setting(
        False,
        check=clean_boolean,
        script="navigate",
        label="Count the Navigation API as page views",
        help_text="For routers that use navigation.navigate(). history.pushState and the back button always count",
    )
    untyped_log: str = declare_setting(
        UNTYPED_CLICK,
        parse=str,
        check=build_choice_cleaner([UNTYPED_CLICK, UNTYPED_VIEW]),
        label="clicky.log() without a type records",
        help_text="Clicky's own tracker records a click. A type in the call always wins; "
        "an address such as #buy is always a click",
        choices=((UNTYPED_CLICK, "A click"), (UNTYPED_VIEW, "A page view")),
    )
    internal_search: bool = declare_setting(False, check=clean_boolean)
    data_centres: str = declare_setting("refuse", parse=str, check=build_choice_cleaner(["count", "refuse"]))
    timeout: int = declare_setting(0, parse=parse_minutes, check=build_integer_cleaner(5, 240))  # 0: the usual minutes
    heatmap: float = declare_setting(1.0, parse=parse_share)  # the share of devices whose clicks are recorded
    heatmap_off: tuple[str, ...] = declare_setting((), parse=parse_texts)  # paths on which none are recorded
    script_settings: dict[str, int] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        names = {setting.metadata["script"]: name for name, setting in TRACKER_SETTINGS.items()}
        self.script_settings.update({short: int(getattr(self, name)) for short, name in names.items() if short})
        self.script_settings["log"] = int(self.untyped_log == UNTYPED_VIEW)


TRACKER_SETTINGS: dict[str, Field[Any]] = {setting.name: setting for setting in fields(TrackerSettings) if setting.init}


def parse_tracker_settings(stored: Mapping[str, object]) -> TrackerSettings:
    """Parse what a site stores."""
    return TrackerSettings(
        **{name: TRACKER_SETTINGS[name].metadata["parse"](stored[name]) for name in stored if name in TRACKER_SETTINGS}
    )


def clean_tracker(value: object) -> dict[str, object]:
    """Check the settings of the tracker and the pipeline, by the names in TrackerSettings."""
    if not isinstance(value, dict) or len(repr(value)) > MAX_TRACKER_CHARACTERS:
        raise ValidationError("Must be a small object of settings.")
    if unknown := sorted(set(value) - set(TRACKER_SETTINGS)):
        raise ValidationError(f"There is no setting {unknown[0]!r}; use {', '.join(sorted(TRACKER_SETTINGS))}.")
    for name in value:
        try:
            if check := TRACKER_SETTINGS[name].metadata["check"]:
                check(value[name])
        except ValidationError as error:
            raise ValidationError(f"{name}: {error.messages[0]}") from error
    return value


def _is_host(name: str) -> bool:
    """Return whether a normalized name can be the host of a URL; one that ends in a number would be an IP address."""
    labels = name.split(".")
    return len(name) <= MAX_HOST_LENGTH and all(map(HOST_LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def _is_address(name: str) -> bool:
    try:
        validate_ipv46_address(name)
    except ValidationError:
        return False
    return True


FIELD_CLEANERS: dict[str, Callable[[object], object]] = {
    "domain": clean_domain,
    "nickname": build_line_cleaner(120),
    "labels": clean_labels,
    "timezone": clean_timezone,
    "allowed_hosts": build_list_cleaner(clean_host_pattern),
    "any_host": clean_boolean,
    "addresses": build_choice_cleaner(list(AddressPolicy.values)),
    "cookies": build_choice_cleaner(list(CookiePolicy.values)),
    "respect_dnt": clean_boolean,
    "retention_months": build_integer_cleaner(0, MAX_RETENTION_MONTHS),
    "excluded_ips": build_list_cleaner(clean_network),
    "excluded_pages": build_list_cleaner(clean_page_pattern),
    "excluded_countries": build_list_cleaner(clean_country),
    "proxy_addresses": build_list_cleaner(clean_network),
    "proxy_secret": clean_proxy_secret,
    "tracker": clean_tracker,
    "widget": clean_widget,
}


def clean_settings(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values in their stored form. Raises ValidationError with all errors, by field."""
    cleaned: dict[str, object] = {}
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            if name not in FIELD_CLEANERS:
                raise ValidationError("Unknown setting.")
            cleaned[name] = FIELD_CLEANERS[name](value)
        except ValidationError as error:
            errors[name] = error.messages
    if errors:
        raise ValidationError(errors)
    return cleaned
