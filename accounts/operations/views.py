"""The operator's page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.navigation import account_rows
from accounts.operations.models import TaskRun


def operations(request: HttpRequest) -> HttpResponse:
    """Every periodic task with its last run; 404 for everybody but the installation's operators."""
    if not getattr(request.user, "is_operator", False):
        raise Http404("No such page.")
    context = {"runs": TaskRun.objects.order_by("name"), "settings_nav": account_rows(request)}
    return render(request, "accounts/operations.html", context)
