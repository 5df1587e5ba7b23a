"""The operator's pages: periodic tasks, and sent mail where it goes into files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts.navigation import account_rows
from accounts.operations import mailbox
from accounts.operations.models import TaskRun

# A letter carries its styles inline; nothing in it may run, load, be sent or leave the frame
LETTER = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


def operators_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """404 for everybody but the installation's operators."""

    @wraps(view)
    def page(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
        if not getattr(request.user, "is_operator", False):
            raise Http404("No such page.")
        response = view(request, *args, **named)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return page


@operators_only
def operations(request: HttpRequest) -> HttpResponse:
    """Every periodic task with its last run."""
    context = {
        "runs": TaskRun.objects.order_by("name"),
        "mailbox": mailbox.folder(),
        "settings_nav": account_rows(request, "operations"),
    }
    return render(request, "accounts/operations.html", context)


@operators_only
def sent_mails(request: HttpRequest) -> HttpResponse:
    """The latest mails, newest first; 404 where mail is really sent."""
    if mailbox.folder() is None:
        raise Http404("Mail is sent by a server here.")
    context = {
        "mails": mailbox.mails(),
        "folder": mailbox.folder(),
        "settings_nav": account_rows(request, "operations"),
    }
    return render(request, "accounts/sent_mails.html", context)


def found(name: str, place: int) -> mailbox.Sent:
    sent = mailbox.mail(name, place)
    if sent is None:
        raise Http404("No such mail.")
    return sent


@operators_only
def sent_mail(request: HttpRequest, name: str, place: int) -> HttpResponse:
    """One mail: headers, the letter in a frame, and its text."""
    context = {"sent": found(name, place), "settings_nav": account_rows(request, "operations")}
    return render(request, "accounts/sent_mail.html", context)


@xframe_options_sameorigin
@operators_only
def sent_letter(request: HttpRequest, name: str, place: int) -> HttpResponse:
    """The HTML of a mail, for the frame."""
    response = HttpResponse(found(name, place).html)
    response["Content-Security-Policy"] = LETTER
    return response
