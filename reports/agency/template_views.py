"""Pages of an agency's templates of sites."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.clients.models import SiteTemplate
from accounts.forms import add_errors
from accounts.selectors import list_clients
from reports.agency.forms import ApplyForm, TemplateForm
from reports.agency.home import select_agency_sites
from reports.agency.services import site_template_apply, site_template_create, site_template_delete
from reports.agency.templates import describe_content
from reports.agency.views import build_context, get_agency
from reports.query.model import MAX_SITES


def get_template(request: HttpRequest, template_id: int) -> SiteTemplate:
    """Return a template of the agency. Raises Http404."""
    template: SiteTemplate | None = get_agency(request).site_templates.filter(pk=template_id).first()
    if template is None:
        raise Http404("No such template.")
    return template


@login_required
def list_templates(request: HttpRequest) -> HttpResponse:
    """List the templates; the form reads a new one from a site."""
    agency = get_agency(request)
    sites = list(select_agency_sites(agency, list_clients(agency, request.user))[:MAX_SITES])
    form = TemplateForm(request.POST or None, sites=sites)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        site = next(site for site in sites if site.pk == values["site"])
        try:
            template = site_template_create(
                agency=agency, name=values["name"], site=site, privacy=values["privacy"], digest=values["digest"]
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            return redirect("agency:template", template.pk)
    context = {
        **build_context(request, agency),
        "form": form,
        "templates": agency.site_templates.order_by("name"),
        "has_sites": bool(sites),
    }
    return render(request, "agency/templates.html", context)


@login_required
def apply_template(request: HttpRequest, template_id: int) -> HttpResponse:
    """Show what a template contains; a POST sets up the chosen sites by it."""
    template = get_template(request, template_id)
    agency = template.agency
    sites = list(select_agency_sites(agency, list_clients(agency, request.user))[:MAX_SITES])
    form = ApplyForm(request.POST or None, sites=sites)
    if request.method == "POST" and form.is_valid():
        chosen = [site for site in sites if site.pk in form.cleaned_data["sites"]]
        try:
            site_template_apply(template=template, sites=chosen)
        except ValidationError as error:
            add_errors(form, error)
        else:
            count = len(chosen)
            messages.success(request, f"{count} {'site is' if count == 1 else 'sites are'} set up by {template}.")
            return redirect("agency:template", template.pk)
    context = {
        **build_context(request, agency),
        "template": template,
        "parts": describe_content(template.content),
        "form": form,
    }
    return render(request, "agency/template.html", context)


@login_required
@require_POST
def delete_template(request: HttpRequest, template_id: int) -> HttpResponse:
    """Delete a template."""
    template = get_template(request, template_id)
    site_template_delete(template=template)
    messages.success(request, f"{template} is deleted. The sites that it set up stay as they are.")
    return redirect("agency:templates")
