"""The forms of shared links."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils import timezone

from accounts.permissions import Actor
from goals.models import Segment
from goals.selectors import filter_segments_of_site
from sites.models import Site


class SharedLinkForm(forms.Form):
    """A new link: for whom, of which visits, until when."""

    name = forms.CharField(max_length=120, label="Name", help_text="For this list, such as the client's name.")
    segment = forms.ModelChoiceField(
        Segment.objects.none(), required=False, label="Only this segment", empty_label="The whole site"
    )
    password = forms.CharField(
        required=False, max_length=200, min_length=8, label="Password",
        help_text="At least 8 characters. Empty: the link alone is enough.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip
    expires = forms.DateField(
        required=False, label="Last day", help_text="Empty: until you end it.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )  # fmt: skip
    embed = forms.BooleanField(required=False, label="Other sites may show it in a frame")

    def __init__(self, data: QueryDict | None, site: Site, user: Actor) -> None:
        super().__init__(data)
        self.site = site
        self.fields["segment"].queryset = filter_segments_of_site(site, user)  # type: ignore[attr-defined]

    def clean_expires(self) -> datetime | None:
        """Return the end of that day in the site's zone."""
        day = self.cleaned_data.get("expires")
        if day is None:
            return None
        end = datetime.combine(day, time.max, ZoneInfo(self.site.timezone))
        if end <= timezone.now():
            raise forms.ValidationError("This day is over already.")
        return end


class PasswordForm(forms.Form):
    """The password of a protected link."""

    password = forms.CharField(
        max_length=200, label="Password", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
