"""Forms of links. Rules are written as lines of text, so that the editor works without scripts."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from links.models import (
    MAX_URL,
    MAX_WINDOW_DAYS,
    MIN_WINDOW_DAYS,
    Conversion,
    Datapoint,
    DatapointKind,
    Domain,
    DomainKind,
    Group,
    Mode,
    RedirectType,
    ReferrerClean,
    Script,
    Status,
    Tag,
)
from links.permissions import LinkScope
from links.routing.rules import DEVICES
from links.selectors import find_tags, split_names
from links.validators import check_year
from tracking.event import UTM_NAMES

LINES = {
    "random": "One address per line.",
    "sequential": "One address per line, in their order.",
    "spillover": "One address per line; each click takes a visitor to the next one.",
    "weighted": "A percentage and an address per line: 70 https://example.com/a. Together 100.",
    "languages": "A language and an address per line: de https://example.com/de.",
    "nations": "A country and an address per line: EE https://example.com/ee.",
    "devices": f"A device ({', '.join(DEVICES)}) and an address per line.",
}
LABELS = {
    "random": "Random", "sequential": "In turn", "spillover": "Spillover", "weighted": "By weight",
    "languages": "By language", "nations": "By country", "devices": "By device, before everything else",
}  # fmt: skip


MODE_FIELDS: dict[Mode, tuple[str, ...]] = {
    Mode.RANDOM: ("random",), Mode.SEQUENTIAL: ("sequential",), Mode.WEIGHTED: ("weighted",),
    Mode.SPILLOVER: ("spillover",), Mode.LANGUAGE: ("languages",), Mode.NATION: ("nations",),
    Mode.BROWSER: ("browser_mobile", "browser_email", "browser_spiders"),
}  # fmt: skip


def parse_lines(name: str, text: str) -> list[str] | list[list[str]]:
    """Parse the lines of a rule; `links.routing.rules` validates them."""
    rows = [line.strip() for line in text.splitlines() if line.strip()]
    if name in ("random", "sequential", "spillover"):
        return rows
    pairs = [[*line.split(None, 1), ""][:2] for line in rows]
    if name == "weighted":
        return [[url, weight.rstrip("%")] for weight, url in pairs]
    return [[word, url] for word, url in pairs]


def format_lines(name: str, rows: list[Any]) -> str:
    """Format a rule as lines."""
    if name in ("random", "sequential", "spillover"):
        return "\n".join(rows)
    if name == "weighted":
        return "\n".join(f"{weight} {url}" for url, weight in rows)
    return "\n".join(f"{word} {url}" for word, url in rows)


class LinkForm(forms.Form):
    """The form of a link or pixel. Empty fields keep their defaults."""

    kind = forms.TypedChoiceField(choices=DatapointKind.choices, coerce=int, initial=DatapointKind.LINK, label="What")
    title = forms.CharField(max_length=200, required=False, label="Name")
    url = forms.CharField(
        max_length=MAX_URL,
        required=False,
        label="Destination",
        help_text="[s2sidentifier] is replaced with the click token. Only spaces and braces are escaped.",
    )
    alias = forms.CharField(
        max_length=100,
        required=False,
        help_text="Letters, digits and - _ . ~ without a dot at the end; generated if empty. It can never be changed.",
    )
    domain = forms.ModelChoiceField(Domain.objects.none(), empty_label=None, label="Domain")
    group = forms.ModelChoiceField(Group.objects.none(), empty_label=None, required=False, label="Group")
    tags = forms.CharField(max_length=500, required=False, help_text="Separated by commas.")
    status = forms.TypedChoiceField(choices=Status.choices[:3], coerce=int, initial=Status.ACTIVE)
    redirect_type = forms.TypedChoiceField(
        choices=RedirectType.choices, coerce=int, initial=RedirectType.PERMANENT, label="Redirect"
    )
    mode = forms.TypedChoiceField(choices=Mode.choices, coerce=int, initial=Mode.SIMPLE, label="Way")
    first_url = forms.CharField(max_length=MAX_URL, required=False, label="First click goes to")
    browser_mobile = forms.CharField(max_length=MAX_URL, required=False, label="Phones and tablets")
    browser_email = forms.CharField(max_length=MAX_URL, required=False, label="E-mail programs")
    browser_spiders = forms.CharField(max_length=MAX_URL, required=False, label="Robots")
    append_query = forms.BooleanField(required=False, label="Pass the visitor’s parameters on")
    hide_url = forms.BooleanField(required=False, label="Keep the link’s own address in the browser")
    hide_url_title = forms.CharField(max_length=200, required=False, label="Title of that page")
    encode_url = forms.BooleanField(required=False, label="Encode the destination in that page")
    referrer_clean = forms.TypedChoiceField(choices=ReferrerClean.choices, coerce=int, initial=0, label="Referrer")
    password = forms.CharField(max_length=100, required=False, label="Password", help_text="Empty = as it is.")
    starts = forms.DateTimeField(
        required=False, validators=[check_year], widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    expiration_date = forms.DateTimeField(
        required=False,
        label="Ends",
        validators=[check_year],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    url_after_date = forms.CharField(max_length=MAX_URL, required=False, label="Afterwards to")
    pause_after_date = forms.BooleanField(required=False, label="Pause the link after that")
    expiration_clicks = forms.IntegerField(min_value=0, required=False, label="Ends after this many clicks")
    url_after_clicks = forms.CharField(max_length=MAX_URL, required=False, label="Afterwards to")
    pause_after_clicks = forms.BooleanField(required=False, label="Pause the link after its last click")
    encode_ip = forms.BooleanField(required=False, label="Keep only a part of visitors’ addresses")
    redirect_only = forms.BooleanField(required=False, label="Redirect without counting")
    cost = forms.DecimalField(min_value=0, max_digits=14, decimal_places=4, required=False, label="Cost of one click")
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    conversions = forms.ModelMultipleChoiceField(
        Conversion.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, help_text="At most five."
    )
    scripts = forms.ModelMultipleChoiceField(
        Script.objects.none(), required=False, widget=forms.CheckboxSelectMultiple, label="Retargeting"
    )

    def __init__(self, *args: Any, scope: LinkScope, row: Datapoint | None = None, **named: Any) -> None:
        super().__init__(*args, **named)
        self.scope = scope
        for name, help_text in LINES.items():
            self.fields[name] = forms.CharField(
                required=False, label=LABELS[name], help_text=help_text, widget=forms.Textarea(attrs={"rows": 4})
            )
        for name in UTM_NAMES:
            self.fields[name] = forms.CharField(max_length=200, required=False, label=name)
        own = scope.domains().exclude(kind=DomainKind.GO)
        groups = Q(pk__in=scope.groups(may="edit").filter(deleted=None).values("pk"))
        if row is not None:  # its present domain and group may stay
            own, groups = Domain.objects.filter(pk=row.domain_id), groups | Q(pk=row.group_id)
        self.offer_rows("domain", own.order_by("kind", "name"))
        self.offer_rows("group", Group.objects.filter(groups).order_by("name"))
        self.offer_rows("conversions", scope.conversions().filter(deleted=None).order_by("name"))
        self.offer_rows("scripts", scope.scripts().order_by("name"))

    def offer_rows(self, name: str, rows: QuerySet[Model]) -> None:
        """Offer these rows as choices and accept no others."""
        self.fields[name].queryset = rows  # type: ignore[attr-defined]

    def clean_tags(self) -> list[Tag | str]:
        """Clean tag names. New ones stay names, to be created by the service, if the user may create tags."""
        try:
            return find_tags(self.scope, split_names(self.cleaned_data["tags"]))
        except ValidationError as error:
            raise ValidationError(error.message_dict["tags"]) from None

    def list_mode_fields(self) -> list[tuple[int, list[forms.BoundField]]]:
        """List the fields that each mode needs besides the URL; a script displays only those of the selected mode."""
        return [(mode.value, [self[name] for name in names]) for mode, names in MODE_FIELDS.items()]

    def build_fields(self) -> dict[str, Any]:
        """Build the arguments of `datapoint_create` and `datapoint_update`, with rules in their JSON shape."""
        data = dict(self.cleaned_data)
        rules: dict[str, object] = {name: parse_lines(name, data.pop(name)) for name in LINES}
        rules["utm"] = {name: data.pop(name) for name in UTM_NAMES}
        rules["browser"] = {name: data.pop(f"browser_{name}") for name in ("mobile", "email", "spiders")}
        rules["first"] = data["first_url"] if data["mode"] == Mode.UNIQUE else ""
        data["conversions"], data["scripts"] = list(data["conversions"]), list(data["scripts"])
        data["expiration_clicks"] = data["expiration_clicks"] or 0
        data["cost"] = data["cost"] or 0
        if not data["password"]:
            data.pop("password")
        return {**data, "rules": {name: value for name, value in rules.items() if value}}


def build_initial(row: Datapoint) -> dict[str, object]:
    """Build the form's initial values from a link."""
    rules = row.rules or {}
    plain = {name: getattr(row, name) for name in LinkForm.base_fields if hasattr(row, name) and name not in (
        "tags", "conversions", "scripts", "group", "domain", "password")}  # fmt: skip
    return {
        **plain,
        **{name: format_lines(name, rules.get(name, [])) for name in LINES},
        **rules.get("utm", {}),
        **{f"browser_{name}": url for name, url in rules.get("browser", {}).items()},
        "first_url": row.first_url or rules.get("first", ""),
        "group": row.group_id, "domain": row.domain_id,
        "tags": ", ".join(row.tags.values_list("name", flat=True)),
        "conversions": list(row.attached.values_list("conversion_id", flat=True)),
        "scripts": list(row.scripts.values_list("pk", flat=True)),
    }  # fmt: skip


class GroupForm(forms.Form):
    name = forms.CharField(max_length=200)
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    redirect_only = forms.BooleanField(required=False, label="Its links redirect without counting")


class ConversionForm(forms.Form):
    name = forms.CharField(max_length=200)
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    value = forms.DecimalField(required=False, max_digits=14, decimal_places=2, label="Value if the page sends none")
    currency = forms.CharField(required=False, max_length=3)
    window_days = forms.IntegerField(
        min_value=MIN_WINDOW_DAYS, max_value=MAX_WINDOW_DAYS, initial=30, label="Days after the click"
    )


class DomainForm(forms.Form):
    name = forms.CharField(max_length=253, label="Host name", help_text="Such as go.example.com.")
    custom_404 = forms.CharField(max_length=MAX_URL, required=False, label="Unknown links go to")
    custom_homepage = forms.CharField(max_length=MAX_URL, required=False, label="The host without a path goes to")


class ScriptForm(forms.Form):
    name = forms.CharField(max_length=200)
    text = forms.CharField(max_length=20_000, label="Script", widget=forms.Textarea(attrs={"rows": 8}))
