"""Pages of an agency: its clients' sites in one table, its clients, new sites, and sites that move."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone as clock
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.client_views import end_client_view, start_client_view
from accounts.clients.models import ClientAccount, SiteTemplate
from accounts.forms import add_errors
from accounts.invitation_lists import answer_with_invitation
from accounts.models import Account, Invitation, Membership, Role, User
from accounts.permissions import (
    find_client_membership,
    get_acting_user,
    get_current_membership,
    list_memberships,
    membership_may,
    switch_account,
)
from accounts.selectors import get_agency_or_404, list_clients
from accounts.services.clients import client_create, client_labels_set, client_release, has_active_owner
from accounts.services.invitations import invitation_create
from accounts.settings_parts import build_account_navigation
from reports.agency.access import RIGHTS, build_access_table, save_access
from reports.agency.figures import load_figures, load_traffic
from reports.agency.forms import ClientForm, LabelsForm, ManySitesForm, MoveForm, parse_site_lines
from reports.agency.home import (
    COLUMNS,
    PAGE_ROWS,
    PERIODS,
    HomeQuery,
    build_line,
    find_rows,
    list_labels,
    parse_home_query,
    sort_rows,
)
from reports.agency.services import site_template_apply
from reports.dashboard.fragments import fetch_or_none
from reports.dashboard.report_page import get_htmx_target
from reports.dashboard.views.reports import runs_scripts
from reports.labels import detect_locale
from reports.query import Period
from reports.query.model import MAX_SITES
from sites.models import Site
from sites.selectors import get_site_or_404
from sites.services import sites_create
from sites.settings_pages import build_settings_context
from sites.site_moves import site_move

PLACEHOLDER_ROWS = 30  # what a screen shows; the others come with the figures
TABLE = "client-sites"  # the id of the part that the browser loads for itself


def get_agency(request: HttpRequest) -> Account:
    """Return the account whose clients the user looks after. Raises Http404."""
    return get_agency_or_404(get_current_membership(request), request.user)


def get_client(request: HttpRequest, client_id: int) -> ClientAccount:
    """Return a client of the agency by the id of its account. Raises Http404."""
    client = list_clients(get_agency(request), request.user).select_related("agency").filter(pk=client_id).first()
    if client is None:
        raise Http404("No such client.")
    return client


def build_context(request: HttpRequest, agency: Account) -> dict[str, object]:
    """Build what all of the pages have."""
    return {
        "agency": agency,
        "settings_nav": build_account_navigation(request, "clients"),
        "section": "clients",
    }


@require_safe
@login_required
def show_clients(request: HttpRequest) -> HttpResponse:
    """Show the table of all sites of the agency and its clients.

    A browser that runs scripts gets the page without figures at once, and loads the table with them.
    """
    agency = get_agency(request)
    query, now = parse_home_query(request.GET), clock.now()
    is_fragment = get_htmx_target(request) == TABLE
    is_placeholder = runs_scripts(request) and not is_fragment
    context = {
        "section": "clients",
        **build_table(request, agency, query, now, is_placeholder),
        "is_placeholder": is_placeholder,
    }
    return render(request, "agency/_client_sites.html" if is_fragment else "agency/clients.html", context)


def build_table(
    request: HttpRequest, agency: Account, query: HomeQuery, now: datetime, is_placeholder: bool
) -> dict[str, object]:
    """Build the table: the rows of one page, with figures unless it is a placeholder."""
    clients = list(list_clients(agency, request.user))
    found = find_rows(agency, query, clients)
    has_more, found = len(found) > MAX_SITES, found[:MAX_SITES]
    site_ids = [site.pk for site, _ in found]
    period = Period.parse(query.period, agency.timezone, now)
    traffic = None
    if site_ids and not is_placeholder:
        traffic = fetch_or_none(lambda: load_traffic(site_ids, period, now))
    table = load_figures([] if is_placeholder else site_ids, period, now, traffic)
    page = Paginator(sort_rows(found, table, query.sort), PAGE_ROWS).get_page(query.page)
    locale = detect_locale(request)
    rows = list(page)[:PLACEHOLDER_ROWS] if is_placeholder else page
    return {
        "lines": [build_line(row, locale, now, table.has_traffic) for row in rows],
        "page": page,
        "clients": clients,
        "labels": list_labels(agency, clients),
        "query": query,
        "address": f"{reverse('agency:clients')}?{query.build_query(page=str(query.page))}",
        "columns": build_columns(query),
        "page_links": [(number, query.build_query(page=str(number))) for number in page.paginator.page_range],
        "periods": PERIODS.items(),
        "zone": agency.timezone,
        "error": round(table.error * 100, 1),
        "more_than": MAX_SITES if has_more else 0,
        "failed": bool(site_ids) and not is_placeholder and not table.has_traffic,
    }


def build_columns(query: HomeQuery) -> list[dict[str, object]]:
    """Build the headings, each with the address that sorts by it; once more turns the order round."""
    headings: list[dict[str, object]] = []
    for column in COLUMNS:
        first, other = ("-", "") if column.is_number else ("", "-")
        is_sorted = query.sort.removeprefix("-") == column.name
        sort = f"{other if query.sort == first + column.name else first}{column.name}"
        order = "descending" if query.sort.startswith("-") else "ascending"
        headings.append({
            "column": column, "query": query.build_query(sort=sort), "order": order if is_sorted else ""
        })  # fmt: skip
    return headings


@login_required
@never_cache
def create_client(request: HttpRequest) -> HttpResponse:
    """Show the form of a new client, or create its account, invite its owner, and continue with its page."""
    agency = get_agency(request)
    form = ClientForm(request.POST or None, initial={"timezone": agency.timezone})
    if request.method == "POST" and form.is_valid():
        try:
            client, invitation = add_client(request, agency, form)
        except ValidationError as error:
            add_errors(form, error)
        else:
            back = reverse("agency:client", args=[client.pk])
            messages.success(request, f"{client} is a client now.")
            return answer_with_invitation(request, invitation, back) if invitation else redirect(back)
    return render(request, "agency/client_new.html", {**build_context(request, agency), "form": form})


@transaction.atomic
def add_client(request: HttpRequest, agency: Account, form: ClientForm) -> tuple[ClientAccount, Invitation | None]:
    """Create the client of the form and the invitation of its owner, or neither. Raises ValidationError."""
    values = form.cleaned_data
    client = client_create(agency=agency, name=values["name"], timezone=values["timezone"], labels=values["labels"])
    if not values["email"]:
        return client, None
    by = find_client_member(request, client)
    role = Role.OWNER if by.role == Role.OWNER else Role.ADMIN
    return client, invitation_create(account=client.account, email=values["email"], role=role, by=by)


def find_client_member(request: HttpRequest, client: ClientAccount) -> Membership:
    """Return what the user is in the account of a client by their role in the agency. Raises Http404."""
    assert isinstance(request.user, User)  # the pages demand a log-in
    membership = find_client_membership(request.user, client.account)
    if membership is None:
        raise Http404("No such client.")
    return membership


@login_required
@never_cache
def edit_client(request: HttpRequest, client_id: int) -> HttpResponse:
    """Show a client with its sites and members, and edit its labels."""
    client = get_client(request, client_id)
    form = LabelsForm(request.POST or None, initial={"labels": client.labels})
    if request.method == "POST" and form.is_valid():
        try:
            client_labels_set(client=client, labels=form.cleaned_data["labels"])
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("agency:client", client.pk)
    context = {
        **build_context(request, client.agency),
        "client": client,
        "form": form,
        "sites": Site.objects.filter(account=client.account, deleted=None).order_by("domain", "pk")[:PAGE_ROWS],
        "members": client.account.memberships.accepted().select_related("user").order_by("pk")[:PAGE_ROWS],
        "has_owner": has_active_owner(client),
    }
    return render(request, "agency/client.html", context)


@login_required
@require_POST
def open_client(request: HttpRequest, client_id: int) -> HttpResponse:
    """Work in the account of a client from now on: its team, its brand, its links."""
    client = get_client(request, client_id)
    switch_account(request, client.account)
    messages.success(request, f"You work in {client} now.")
    return redirect("accounts:account")


@login_required
@require_POST
def view_as_client(request: HttpRequest, client_id: int) -> HttpResponse:
    """See the pages as a member of the client's account from now on, or as somebody who may see all of it."""
    client, number = get_client(request, client_id), request.POST.get("member", "")
    member = None
    if number:
        members = client.account.memberships.select_related("user")
        member = members.filter(pk=int(number)).first() if number.isascii() and number.isdigit() else None
        if member is None:
            raise Http404("No such member.")
    start_client_view(request=request, client=client, member=member)
    return redirect("sites:home")


@login_required
@require_POST
def end_view(request: HttpRequest) -> HttpResponse:
    """See the pages as oneself again."""
    end_client_view(request)
    return redirect("agency:clients")


@login_required
@require_POST
def release_client(request: HttpRequest, client_id: int) -> HttpResponse:
    """Make a client independent of the agency."""
    client = get_client(request, client_id)
    agency, name = client.agency, str(client)
    try:
        client_release(client=client, by=get_acting_user(request.user))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("agency:client", client_id)
    switch_account(request, agency)
    messages.success(request, f"{name} is independent now.")
    return redirect("agency:clients")


@login_required
def add_sites(request: HttpRequest) -> HttpResponse:
    """Show the form of many new sites, or create all of them."""
    agency = get_agency(request)
    accounts = [*(client.account for client in list_clients(agency, request.user)), agency]
    templates = list(agency.site_templates.order_by("name"))
    initial = {"account": request.GET.get("client")}
    form = ManySitesForm(request.POST or None, accounts=accounts, templates=templates, initial=initial)
    if request.method == "POST" and form.is_valid():
        account = next(account for account in accounts if account.pk == form.cleaned_data["account"])
        template = next((row for row in templates if row.pk == form.cleaned_data["template"]), None)
        try:
            created = create_sites(account, form.cleaned_data["sites"], form.cleaned_data["labels"], template)
        except ValidationError as error:
            add_errors(form, error)
        else:
            count = len(created)
            messages.success(request, f"{count} {'site was' if count == 1 else 'sites were'} added to {account}.")
            return redirect("agency:clients")
    return render(request, "agency/sites_new.html", {**build_context(request, agency), "form": form})


@transaction.atomic
def create_sites(account: Account, lines: str, labels: list[str], template: SiteTemplate | None) -> list[Site]:
    """Create the sites of the lines and set them up, or create none. Raises ValidationError."""
    created = sites_create(account=account, sites=parse_site_lines(lines), labels=labels)
    if template is not None:
        site_template_apply(template=template, sites=created)
    return created


@login_required
@never_cache
def show_access(request: HttpRequest) -> HttpResponse:
    """Show the table of people and sites; a POST saves the rights of guests."""
    agency, query = get_agency(request), parse_home_query(request.GET)
    clients = list(list_clients(agency, request.user))
    if request.method == "POST":
        try:
            save_access(request.POST, agency, query, clients)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(request, "Saved.")
        return redirect(request.get_full_path())
    context = {
        **build_context(request, agency),
        "table": build_access_table(agency, query, clients),
        "query": query,
        "labels": list_labels(agency, clients),
        "rights": RIGHTS,
    }
    return render(request, "agency/access.html", context)


def list_other_accounts(request: HttpRequest, site: Site) -> Sequence[Account]:
    """List the accounts that the user manages, but for the one that the site is in."""
    memberships = list_memberships(request.user)
    managed = [row.account for row in memberships if membership_may(row, "manage")]
    return [account for account in managed if account.pk != site.account_id]


@login_required
def move_site(request: HttpRequest, site_id: int) -> HttpResponse:
    """Move a site, with its history, to another account that the user manages."""
    site = get_site_or_404(request, site_id, may="manage")
    accounts = list_other_accounts(request, site)
    form = MoveForm(request.POST or None, accounts=accounts)
    if request.method == "POST" and form.is_valid():
        account = next(account for account in accounts if account.pk == form.cleaned_data["account"])
        try:
            site_move(site=site, account=account, by=get_acting_user(request.user))
        except ValidationError as error:
            add_errors(form, error)
        else:
            messages.success(request, f"{site} belongs to {account} now, with all that was counted.")
            return redirect("sites:general", site.pk)
    context = {"form": form, "accounts": accounts, **build_settings_context(request, site, "move")}
    return render(request, "agency/move.html", context)
