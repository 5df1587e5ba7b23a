"""Every field of forms and URLs that contains an id: where it is sent, what it refers to, who may send it.

A field is found in the source (`tests.permissions.source_search`) and called `<file> <name>` or `<Form>.<name>`. The
tests fail on a field that is neither in FIELDS nor in NO_IDS, and on one here that no longer exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any

from accounts.account_limits import LIMITS
from tests.permissions.routes import SET, S

Put = Callable[[dict[str, Any], Any], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """One field at one address. `says_no`: an id of others is rejected with a message; else it is ignored,
    exactly as an id that does not exist. `by`: who may send the request when every id in it is their own."""

    source: str
    call: str
    kind: str
    put: Put
    _: KW_ONLY
    by: tuple[str, ...] = ("charlie",)
    says_no: bool = True

    def __str__(self) -> str:
        return f"{self.call} {self.source} {self.kind}"


def put_value(name: str) -> Put:
    return lambda data, number: {**data, name: number}


def put_only_value(name: str) -> Put:
    return lambda data, number: {name: number}


def put_list(name: str) -> Put:
    return lambda data, number: {**data, name: [number]}


def put_outcome(word: str) -> Put:
    return lambda data, number: {"outcome": f"{word}:{number}"}


def put_grant(kind: str) -> Put:
    """Put the id into the form of a guest, as one grant."""
    return lambda data, number: {
        **{key: one for key, one in data.items() if not key.startswith("grant-")}, f"grant-{kind}-{number}": "read"
    }  # fmt: skip


def put_cell(kind: str) -> Put:
    """Put the id into the name of a field of the matrix of guests, `<guest>-<kind>-<object>`."""

    def put(data: dict[str, Any], number: Any) -> dict[str, Any]:
        (guest, _, thing) = next(iter(data)).split("-")
        if kind == "member":
            return {f"{number}-group-{thing}": "write"}
        return {f"{guest}-{'datapoint' if kind == 'link' else kind}-{number}": "write"}

    return put


ALL, GUESTS, WRITERS = ("charlie", "bob", "dave"), ("bob", "dave"), ("charlie", "dave")
TEAM, LISTING, BELONGINGS = "accounts/views/team.py", "links/web/link_list.py", "links/web/resource_pages.py"
MEMBER = "POST account/team/<int:member_id>"
NEW_LINK, OLD_LINK = "POST links/new", "POST links/<int:datapoint_id>/edit"
FIELDS: list[Field] = [
    # Who manages one account has no choice: the field is hidden, and so is what is wrong with it
    Field("NewSiteForm.account", "POST sites/new", "account", put_value("account"), says_no=False),
    Field("ManySitesForm.account", "POST clients/sites", "client", put_value("account")),
    Field("TemplateForm.site", "POST clients/templates", "site", put_value("site")),
    Field("ApplyForm.sites", "POST clients/templates/<int:template_id>", "site", put_list("sites")),
    Field("ManySitesForm.template", "POST clients/sites", "site_template", put_value("template")),
    Field("MoveForm.account", f"POST {SET}/move", "client", put_value("account")),
    Field("PersonalTokenForm.sites", "POST me/tokens", "site", put_list("sites"), by=ALL),
    Field("AlertForm.channels", f"POST {S}/alerts/new/<slug:condition>", "channel", put_list("channels")),
    Field("AlertForm.channels", f"POST {S}/alerts/<int:alert_id>", "channel", put_list("channels")),
    Field("SubscriptionForm.sites", "POST digests", "site", put_list("sites"), by=ALL),
    Field("SharedLinkForm.segment", f"POST {SET}/sharing", "segment", put_value("segment"), by=WRITERS),
    Field("SharedLinkForm.segment", f"POST {SET}/sharing", "private_segment", put_value("segment"), by=WRITERS),
    *(
        Field(f"FunnelForm.goal_{step}", call, "goal", put_value(f"goal_{step}"), by=WRITERS)
        for step in range(1, 9)
        for call in (f"POST {S}/funnels/new", f"POST {S}/funnels/<int:funnel_id>/edit")
    ),
    Field("LinkForm.domain", NEW_LINK, "domain", put_value("domain")),
    *(
        row
        for call in (NEW_LINK, OLD_LINK)
        for row in (
            Field("LinkForm.group", call, "group", put_value("group"), by=WRITERS),
            Field("LinkForm.conversions", call, "conversion", put_list("conversions")),
            Field("LinkForm.scripts", call, "script", put_list("scripts")),
        )
    ),
    *(
        Field(f"{TEAM}:parse_posted_grants", call, kind, put_grant(named))
        for call in ("POST account/team", MEMBER)
        for kind, named in (("site", "site"), ("group", "group"), ("link", "datapoint"))
    ),
    Field("accounts/views/account.py account", "POST account/switch", "account", put_value("account"), by=ALL),
    Field(f"{BELONGINGS} tag", "POST links/tags", "tag", put_value("tag")),
    Field(f"{BELONGINGS} entry", "POST links/lists", "entry", put_value("entry")),
    Field("links/web/guests.py remove", "POST links/guests", "member", put_only_value("remove"), says_no=False),
    Field("links/web/guests.py options", "POST links/guests", "member", put_only_value("options"), says_no=False),
    *(
        Field("links/web/guests.py:apply_form", "POST links/guests", kind, put_cell(kind), says_no=False)
        for kind in ("member", "group", "link")
    ),
    Field(f"{LISTING} link", "POST links/bulk", "link", put_list("link"), by=WRITERS, says_no=False),
    Field(f"{LISTING} group", "POST links/bulk", "group", put_value("group"), by=WRITERS, says_no=False),
    Field(f"{LISTING} group", "GET links", "group", put_value("group"), by=WRITERS, says_no=False),
    Field(f"{LISTING} group", "GET links/export.csv", "group", put_value("group"), by=WRITERS, says_no=False),
    Field("links/web/editor.py group", "GET links/new", "group", put_value("group"), by=WRITERS, says_no=False),
    Field(
        "reports/dashboard/goals/segment_pages.py next",
        f"POST {S}/segments",
        "goal",
        lambda data, number: {**data, "next": f"{data['next'].partition('?')[0]}?goal={number}"},
        by=ALL,
    ),
    Field(
        "reports/clicky/deeplinks.py site_id",
        "GET stats/<slug:page>",
        "site",
        lambda data, number: {"site_id": number, "date": "today"},
        by=ALL,
    ),
    Field("reports/dashboard/views/portfolio.py only", "GET sites/all", "site", put_value("only"), by=ALL),
    Field("reports/dashboard/views/portfolio.py only", "GET sites/all/explain", "site", put_value("only"), by=ALL),
    Field("reports/dashboard/views/portfolio.py only", "GET sites/all/graph.svg", "site", put_value("only"), by=ALL),
    Field(
        "reports/dashboard/views/portfolio.py only",
        "GET sites/all/panel/<slug:name>/<slug:tab>",
        "site",
        put_value("only"),
        by=ALL,
    ),
    Field("reports/dashboard/state.py:parse_view_options reach", f"GET {S}/splits", "goal", put_value("reach"), by=ALL),
    *(
        Field(
            "reports/dashboard/state.py:parse_view_options outcome", f"GET {address}", "goal", put_outcome(word), by=ALL
        )
        for address in (f"{S}/heatmaps", f"{S}/heatmaps/page")
        for word in ("reached", "missed")
    ),
]
# What every sheet's address may name; `test_forms.py` sends them to all addresses that read the state of a sheet
SHEETS = {"reports/dashboard/state.py segment", "reports/dashboard/state.py:read_state"}
# Names of options of a sheet that name goals: they are read by `state.option(…)`, of a fixed tuple of names
OPTIONS = {
    "reports/dashboard/state.py:parse_view_options reach",
    "reports/dashboard/state.py:parse_view_options outcome",
}
# Fields that keys open: `test_keys.py`
KEYED = {
    "reports/clicky/stats_request.py site_id",
    "reports/clicky/stats_request.py alert_id",
    "reports/clicky/whitelabel.py site_id",
    "reports/clicky/whitelabel.py goal_id",
    "reports/clicky/whitelabel.py user_id",
    "reports/clicky/whitelabel.py from_user_id",
    "reports/widget.py site_id",
    "reports/widget.py segment",
    "reports/widget.py:render_widget_data",
    "reports/clicky/views.py:initialize_request",
    "tracking/endpoints/clicky.py site_id",
    "tracking/endpoints/clicky.py goal",
    "tracking/endpoints/clicky_fields.py session_id",
    "tracking/endpoints/clickport_fields.py session_id",
    "links/conversions/recording.py id",
    "links/shortener.py site_id",
    "reports/clickport/views.py:get",
}
DESCRIBED = {
    "accounts/api/views.py:post", "accounts/api/invitations.py:create", "accounts/api/exports.py:create",
    "reports/agency/api.py:post", "reports/agency/template_api.py:apply", "reports/agency/template_api.py:create",
    "reports/bots/api.py:get", "reports/bots/api.py:post", "sites/api.py:post", "tracking/views.py:run_or_reject",
}  # fmt: skip
# What looks like an id and names no row of a tenant, or is only compared with what the caller may see anyway
NO_IDS: dict[str, str] = {
    "accounts/operations/account_pages.py:suspend_account": "into a form of operators, who may do it to every account",
    "accounts/operations/account_pages.py:choose_plan": "into a form of operators, who may give every plan",
    "AccountPlanForm.plan": "of operators, who may give every plan",
    **{f"PlanForm.limit_{name}": "a number" for name in LIMITS},
    "accounts/operations/account_pages.py:impersonate": "into a form of operators, who may do it in every account",
    "ManySitesForm.sites": "domains of new sites",
    "reports/agency/views.py:show_clients": "filters over the sites one sees",
    "reports/agency/views.py:show_access": "the cells of the table that one sees; others are not read",
    "reports/agency/views.py client": "which client the form begins with",
    "reports/agency/views.py member": "looked for among the members of the client that the address names",
    "accounts/api/brand.py:post": "an image",
    **dict.fromkeys(
        (
            "accounts/views/brand_settings.py:preview_brand",
            "accounts/views/brand_settings.py:serve_preview_stylesheet",
        ),
        "a colour",
    ),
    "accounts/views/audit_log.py:render_audit_log": "filters over the entries of the caller's own account",
    "sites/views/site_settings.py domain": "typed in to confirm that the site is to be deleted",
    "tracking/endpoints/clickport_fields.py event_id": "the sender's own, by which a repeated event is known",
    "tracking/endpoints/clickport_fields.py meta_keys": "names of properties",
    "tracking/endpoints/clickport_fields.py page_visit_id": "of a view in the visitor's own visit",
    "tracking/endpoints/clickport_fields.py visitor": "custom data of the visitor",
    "tracking/endpoints/clicky.py domain": "whose page it is: anybody may send hits to any site",
    "tracking/endpoints/clicky_fields.py jsuid": "the visitor's own cookie, worth nothing at another site",
    "tracking/endpoints/clicky_fields.py vid": "of a view in the visitor's own visit",
    "reports/clicky/stats_request.py segments": "types of the Stats API",
    "reports/widget.py domain": "the host of the page the widget stands in",
    "reports/dashboard/views/preferences.py site": "a place in the reader's own list of sites, 0 to 9",
    "links/web/link_list.py tag": "a tag's name, looked for among the links one sees",
    "links/web/csv_files.py:export_csv": "filters over the links one sees; their names are found one by one",
    "links/web/link_list.py:show_links": "the filters, to show them again",
    "links/web/link_list.py:change_links": "handed on to `change_link`, whose names are found one by one",
    "reports/dashboard/views/heatmaps.py:heatmap_settings": "into a form",
    "reports/onsite/settings_page.py:widget_settings": "into a form",
    "reports/sharing/views.py:framed_overview": "handed on to `find_site`, which needs the site's own key",
    "links/web/forms.py expiration_clicks": "a number of clicks",
    **dict.fromkeys(
        ("PersonalTokenForm.may_account", "PersonalTokenForm.may_links", "PersonalTokenForm.may_sites"),
        "a right: read or write",
    ),
    "GroupForm.notes": "text",
    "LinkForm.kind": "link or pixel",
    "LinkForm.tags": "names",
    "LinkForm.status": "active, paused, blocked",
    "LinkForm.redirect_type": "301 or 307",
    "LinkForm.mode": "a way to choose a destination",
    "LinkForm.referrer_clean": "a way to clean the referrer",
    "LinkForm.expiration_clicks": "a number of clicks",
    "LinkForm.pause_after_clicks": "yes or no",
    "links/web/forms.py conversions": "rows that the form found within what the person may use",
    "links/web/forms.py scripts": "rows that the form found within what the person may use",
    "LinkForm.url_after_clicks": "an address",
    "LinkForm.notes": "text",
    "AlertForm.p_goal": "a goal's name, looked for on the alert's own site",
    "LinkForm.devices": "lines of a device and an address",
    "GoalForm.conversion": "yes or no",
    "HeatmapSettingsForm.share": "percent",
    "EnforcementForm.way_back": "the address of one of the account's owners, who are the choices",
    "ConnectionForm.client_id": "the provider's word for the account",
    "accounts/views/sso.py domain": "a domain of e-mail addresses",
    "GeneralForm.domain": "a host name",
    "NewSiteForm.domain": "a host name",
    "MonitorForm.interval": "seconds",
}
