"""What a site chooses about its on-site widget: who may open it, who sees the badge, and how the badge looks.

Stored in `Site.widget` by the names of `WidgetSettings`; a value that is not stored is the default. The script of the
badge (`static/tracker/WIRE.md`, 6) receives how it looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from django.core.exceptions import ValidationError
from django.db.models import TextChoices

MAX_LABEL_LENGTH = 30
COLOR = re.compile(r"#[0-9a-f]{6}")


class WidgetAudience(TextChoices):
    """Who may open the widget."""

    NOBODY = "nobody", "Nobody: the widget is off"
    ADMINISTRATORS = "administrators", "Owners and administrators of the account"
    TEAM = "team", "Everybody in the team of the account"
    GUESTS = "guests", "The team, and guests of this site"


class BadgeAudience(TextChoices):
    """Who sees the badge. It has no numbers until somebody who may open the widget has done so."""

    OPENERS = "openers", "Browsers in which you opened the site from this page"
    EVERYBODY = "everybody", "All visitors of the site; it shows no numbers"


class BadgeLook(TextChoices):
    """The shape of the badge."""

    PILL = "pill", "Icon and text"
    ROUND = "round", "Icon only"
    TAB = "tab", "Tab at the edge of the window"
    TEXT = "text", "Text only"


class BadgeCorner(TextChoices):
    """Where the badge is, unless the page has an element for it."""

    BOTTOM_RIGHT = "bottom-right", "Bottom right"
    BOTTOM_LEFT = "bottom-left", "Bottom left"
    TOP_RIGHT = "top-right", "Top right"
    TOP_LEFT = "top-left", "Top left"


class WidgetTheme(TextChoices):
    """The colours of badge and panel."""

    AUTO = "auto", "As the visitor's device"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


CHOICES: Mapping[str, type[TextChoices]] = {
    "open_to": WidgetAudience,
    "shown_to": BadgeAudience,
    "look": BadgeLook,
    "corner": BadgeCorner,
    "theme": WidgetTheme,
}


@dataclass(frozen=True, kw_only=True)
class WidgetSettings:
    """The settings of a site's widget."""

    open_to: str = WidgetAudience.NOBODY.value
    shown_to: str = BadgeAudience.OPENERS.value
    look: str = BadgeLook.PILL.value
    corner: str = BadgeCorner.BOTTOM_RIGHT.value
    theme: str = WidgetTheme.AUTO.value
    label: str = "Analytics"  # the badge's text, and its name for screen readers
    color: str = ""  # of the badge, `#rrggbb`; "": that of the theme

    @property
    def is_on(self) -> bool:
        """Whether anybody may open the widget."""
        return self.open_to != WidgetAudience.NOBODY


WIDGET_FIELDS = tuple(setting.name for setting in fields(WidgetSettings))


def parse_widget_settings(stored: Mapping[str, object]) -> WidgetSettings:
    """Parse what a site stores."""
    return WidgetSettings(**{name: str(stored[name]) for name in WIDGET_FIELDS if name in stored})


def clean_widget(value: object) -> dict[str, str]:
    """Check the settings of the widget, by the names in WidgetSettings. Raises ValidationError with a sentence."""
    if not isinstance(value, dict):
        raise ValidationError("Must be an object of settings.")
    if unknown := sorted(map(str, set(value) - set(WIDGET_FIELDS))):
        raise ValidationError(f"There is no setting {unknown[0][:40]!r}; use {', '.join(WIDGET_FIELDS)}.")
    return {str(name): clean_widget_field(str(name), setting) for name, setting in value.items()}


def clean_widget_field(name: str, value: object) -> str:
    """Check one setting and return it as it is stored."""
    if not isinstance(value, str):
        raise ValidationError(f"{name}: must be a text.")
    if name in CHOICES:
        if value not in CHOICES[name].values:
            raise ValidationError(f"{name}: use one of {', '.join(CHOICES[name].values)}.")
        return value
    return clean_label(value) if name == "label" else clean_color(value)


def clean_label(text: str) -> str:
    """Return the badge's text with its white space collapsed; an empty one has no name for screen readers."""
    label = " ".join(text.split())
    if not 0 < len(label) <= MAX_LABEL_LENGTH:
        raise ValidationError(f"label: use 1 to {MAX_LABEL_LENGTH} characters.")
    return label


def clean_color(text: str) -> str:
    """Return a colour as `#rrggbb`, or "" for that of the theme."""
    color = text.strip().lower()
    if color and not COLOR.fullmatch(color):
        raise ValidationError("color: write it as #rrggbb, or leave it empty.")
    return color
