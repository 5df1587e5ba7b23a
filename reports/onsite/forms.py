"""The form of the on-site widget; `sites.widget_settings` has its choices and validates it."""

from __future__ import annotations

from dataclasses import asdict

from django import forms
from django.http import QueryDict

from sites.models import Site
from sites.widget_settings import (
    MAX_LABEL_LENGTH,
    BadgeAudience,
    BadgeCorner,
    BadgeLook,
    WidgetAudience,
    WidgetTheme,
    parse_widget_settings,
)


class WidgetForm(forms.Form):
    """Who may open the widget, who sees the badge, and how it looks."""

    open_to = forms.ChoiceField(label="Who may open it", choices=WidgetAudience.choices, widget=forms.RadioSelect)
    shown_to = forms.ChoiceField(label="Who sees the badge", choices=BadgeAudience.choices, widget=forms.RadioSelect)
    look = forms.ChoiceField(label="Look", choices=BadgeLook.choices)
    label = forms.CharField(
        label="Text", max_length=MAX_LABEL_LENGTH, help_text="Also read aloud where only the icon is"
    )
    corner = forms.ChoiceField(
        label="Place",
        choices=BadgeCorner.choices,
        help_text="An element with the attribute data-onsite-badge gets the badge instead",
    )
    theme = forms.ChoiceField(label="Colours", choices=WidgetTheme.choices)
    color = forms.CharField(
        label="Colour of the badge", required=False, max_length=7, help_text="#1f6f54; empty: that of the theme"
    )

    @classmethod
    def from_site(cls, site: Site, data: QueryDict | None = None) -> WidgetForm:
        """Build the form with the site's present settings."""
        return cls(data, initial=asdict(parse_widget_settings(site.widget)))

    def list_access_fields(self) -> list[forms.BoundField]:
        """List the fields that say who may open the widget and who sees the badge."""
        return [self[name] for name in ("open_to", "shown_to")]

    def list_look_fields(self) -> list[forms.BoundField]:
        """List the fields that say how the badge looks."""
        return [self[name] for name in ("look", "label", "corner", "theme", "color")]
