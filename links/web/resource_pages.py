"""Pages of groups, tags, conversions, domains, retargeting scripts and the two lists: a table and a form each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.custom_domains.services import host_claim
from accounts.custom_domains.txt_records import DnsUnavailable, look_up_addresses
from accounts.forms import add_errors
from accounts.models import Account, Purpose
from accounts.selectors import load_claims_by_host
from accounts.settings_parts import check_host_now
from links.models import Domain, ListKind, Status
from links.permissions import LinkScope
from links.public_urls import get_links_base_url
from links.routing import link_cache
from links.selectors import parse_id
from links.services import conversions as conversion_services
from links.services import domains as domain_services
from links.services import groups as group_services
from links.services import scripts_and_lists as list_services
from links.web.forms import ConversionForm, DomainForm, GroupForm, ScriptForm
from links.web.page_layout import links_page, render_page

FormData: TypeAlias = dict[str, Any]  # `cleaned_data`


def save_form(
    request: HttpRequest, form: forms.Form, write: Callable[[FormData], object], href: str
) -> HttpResponse | None:
    """Save a valid form by a service and redirect; return None if there is something to correct."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        write(form.cleaned_data)
    except ValidationError as error:
        add_errors(form, error, {"script": "text"})
        return None
    messages.success(request, "Saved.")
    return HttpResponseRedirect(href)


def delete_row(request: HttpRequest, remove: Callable[[], object], href: str) -> HttpResponse:
    """Delete by a service and redirect, with the service's error as a message."""
    try:
        remove()
        messages.success(request, "Deleted.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return HttpResponseRedirect(href)


@links_page("groups")
def manage_groups(request: HttpRequest, scope: LinkScope, group_id: int = 0) -> HttpResponse:
    """Render all groups with their numbers of links, and a form for a new or the selected one."""
    row = get_object_or_404(scope.groups("edit"), pk=group_id) if group_id else None
    initial = {"name": row.name, "notes": row.notes, "redirect_only": row.redirect_only} if row else None
    form = GroupForm(request.POST or None, initial=initial)

    def write(data: FormData) -> None:
        if row:
            group_services.group_update(group=row, **data)
        elif scope.edits_all:
            group_services.group_create(account=scope.account, **data)
        else:
            raise ValidationError("Guests cannot create groups, unless they may edit all links.")

    if (done := save_form(request, form, write, reverse("links:groups"))) is not None:
        return done
    rows = scope.groups().filter(deleted=None).order_by("name")
    rows = rows.annotate(links=Count("datapoints", filter=~Q(datapoints__status=Status.DELETED)))
    lines = [{"row": group, "may_edit": scope.may_edit(group)} for group in rows]
    return render_page(request, scope, "groups", lines=lines, form=form, row=row)


@require_POST
@links_page("groups", may="edit")
def delete_group(request: HttpRequest, scope: LinkScope, group_id: int) -> HttpResponse:
    row = get_object_or_404(scope.groups("edit"), pk=group_id)
    return delete_row(request, lambda: group_services.group_delete(group=row), reverse("links:groups"))


@links_page("tags", may="manage")
def manage_tags(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render all tags; create, rename or delete one."""
    if request.method == "POST":
        try:
            if number := request.POST.get("tag", ""):
                row = get_object_or_404(scope.tags(), pk=parse_id(number))
                if "delete" in request.POST:
                    group_services.tag_delete(tag=row)
                else:
                    group_services.tag_rename(tag=row, name=request.POST.get("name", ""))
            else:
                group_services.tag_create(account=scope.account, name=request.POST.get("name", ""))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("links:tags")
    rows = scope.tags().order_by("name")
    rows = rows.annotate(links=Count("datapoints", distinct=True), campaigns=Count("groups", distinct=True))
    return render_page(request, scope, "tags", rows=rows)


@links_page("conversions", may="manage")
def manage_conversions(request: HttpRequest, scope: LinkScope, conversion_id: int = 0) -> HttpResponse:
    """Render all conversions; for the selected one also the code for pages and servers."""
    row = get_object_or_404(scope.conversions().filter(deleted=None), pk=conversion_id) if conversion_id else None
    names = ("name", "description", "value", "currency", "window_days")
    form = ConversionForm(request.POST or None, initial={name: getattr(row, name) for name in names} if row else None)

    def write(data: FormData) -> None:
        data["value"] = data["value"] or 0
        if row:
            conversion_services.conversion_update(conversion=row, **data)
        else:
            conversion_services.conversion_create(account=scope.account, **data)

    if (done := save_form(request, form, write, f"/links/conversions{f'/{row.pk}' if row else ''}")) is not None:
        return done
    rows = scope.conversions().filter(deleted=None).order_by("name")
    rows = rows.annotate(links=Count("attached"))
    host = get_links_base_url().partition("://")[2]
    return render_page(
        request, scope, "conversions", rows=rows, form=form, row=row, host=host, base=get_links_base_url()
    )


@require_POST
@links_page("conversions", may="manage")
def delete_conversion(request: HttpRequest, scope: LinkScope, conversion_id: int) -> HttpResponse:
    row = get_object_or_404(scope.conversions().filter(deleted=None), pk=conversion_id)
    return delete_row(
        request, lambda: conversion_services.conversion_delete(conversion=row), reverse("links:conversions")
    )


def describe_dns(name: str) -> str:
    """Describe where a name points in DNS, compared with this installation's name."""
    try:
        there, here = look_up_addresses(name), look_up_addresses(link_cache.get_system_host())
    except DnsUnavailable as error:
        return str(error)
    if not there:
        return f"{name} has no address yet. Make a CNAME record that points to {link_cache.get_system_host()}."
    if there & here:
        return f"{name} leads here."
    return (
        f"{name} leads to {', '.join(sorted(there))[:80]}, not here. Point its CNAME to {link_cache.get_system_host()}."
    )


def check_domain(request: HttpRequest, account: Account, row: Domain) -> None:
    """Check the TXT record that verifies a domain, and where its name points."""
    try:
        claim = host_claim(account=account, host=row.name, purpose=Purpose.LINKS)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return
    if not check_host_now(request, claim):
        return
    domain_services.domain_check_store(domain=row, result=describe_dns(row.name), now=timezone.now())


@links_page("domains", may="manage")
def manage_domains(request: HttpRequest, scope: LinkScope, domain_id: int = 0) -> HttpResponse:
    """Render the account's link domains; check one on request."""
    row = get_object_or_404(scope.domains().exclude(account=None), pk=domain_id) if domain_id else None
    if row and request.method == "POST" and "check" in request.POST:
        check_domain(request, scope.account, row)
        return redirect("links:domains")
    names = ("name", "custom_404", "custom_homepage")
    form = DomainForm(request.POST or None, initial={name: getattr(row, name) for name in names} if row else None)
    form.fields["name"].disabled = row is not None

    def write(data: FormData) -> None:
        name = data.pop("name")
        if row:
            domain_services.domain_update(domain=row, **data)
        else:
            domain_services.domain_create(account=scope.account, name=name, **data)

    if (done := save_form(request, form, write, reverse("links:domains"))) is not None:
        return done
    rows = scope.domains().order_by("kind", "name")
    claims = load_claims_by_host(scope.account, Purpose.LINKS)
    lines = [{"row": domain, "claim": claims.get(domain.name) if domain.account_id else None} for domain in rows]
    return render_page(request, scope, "domains", lines=lines, form=form, row=row, target=link_cache.get_system_host())


@require_POST
@links_page("domains", may="manage")
def delete_domain(request: HttpRequest, scope: LinkScope, domain_id: int) -> HttpResponse:
    row = get_object_or_404(scope.domains().exclude(account=None), pk=domain_id)
    return delete_row(request, lambda: domain_services.domain_delete(domain=row), reverse("links:domains"))


@links_page("scripts", may="manage")
def manage_scripts(request: HttpRequest, scope: LinkScope, script_id: int = 0) -> HttpResponse:
    """Render all retargeting scripts, and a form for a new or the selected one."""
    row = get_object_or_404(scope.scripts(), pk=script_id) if script_id else None
    form = ScriptForm(request.POST or None, initial={"name": row.name, "text": row.script} if row else None)

    def write(data: FormData) -> None:
        list_services.script_write(account=scope.account, script=row, **data)

    if (done := save_form(request, form, write, reverse("links:scripts"))) is not None:
        return done
    rows = scope.scripts().order_by("name").annotate(links=Count("datapoints"))
    return render_page(request, scope, "scripts", rows=rows, form=form, row=row)


@require_POST
@links_page("scripts", may="manage")
def delete_script(request: HttpRequest, scope: LinkScope, script_id: int) -> HttpResponse:
    row = get_object_or_404(scope.scripts(), pk=script_id)
    return delete_row(request, lambda: list_services.script_delete(script=row), reverse("links:scripts"))


@links_page("lists", may="manage")
def manage_lists(request: HttpRequest, scope: LinkScope) -> HttpResponse:
    """Render the two lists: addresses that are not counted, and allowed hosts of dynamic destinations."""
    if request.method == "POST":
        try:
            if number := request.POST.get("entry", ""):
                list_services.entry_delete(entry=get_object_or_404(scope.entries(), pk=parse_id(number)))
            else:
                listing = ListKind.BLACKLIST if request.POST.get("listing") == "blacklist" else ListKind.WHITELIST
                list_services.entry_create(account=scope.account, listing=listing, value=request.POST.get("value", ""))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        return redirect("links:lists")
    rows = scope.entries().order_by("value")
    listings = [(listing, [row for row in rows if row.listing == listing]) for listing in ListKind]
    return render_page(request, scope, "lists", listings=listings)
