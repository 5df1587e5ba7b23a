"""The operator's pages: periodic tasks, who may sign up, and mail that was written to files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from accounts.mail import get_mail_folder
from accounts.models import InstallationSettings, SignUp
from accounts.operations import mailbox
from accounts.operations.models import TaskRun
from accounts.services.installation import installation_sign_up_set
from accounts.settings_parts import build_account_navigation
from accounts.views.audit_log import render_audit_log

P = ParamSpec("P")
# A letter carries its styles inline; nothing in it may run, load, be sent or leave the frame
LETTER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


def require_operator(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Decorate a view: everybody but the installation's operators gets 404."""

    @wraps(view)
    def wrapper(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not getattr(request.user, "is_operator", False):
            raise Http404("No such page.")
        response = view(request, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return wrapper


@require_operator
def show_operations(request: HttpRequest) -> HttpResponse:
    """Show every periodic task with its last run."""
    context = {
        "runs": TaskRun.objects.order_by("name"),
        "mailbox": get_mail_folder(),
        "settings_nav": build_account_navigation(request, "operations"),
    }
    return render(request, "operations/task_runs.html", context)


@require_operator
@require_safe
def show_audit_log(request: HttpRequest) -> HttpResponse:
    """Show what belongs to no account: set-up, users, commands, failed log-ins of unknown addresses."""
    return render_audit_log(request, None, current="installation-log")


class SignUpForm(forms.Form):
    """Who may become a user."""

    sign_up = forms.ChoiceField(label="Who may become a user", required=False, widget=forms.RadioSelect)

    def __init__(self, data: QueryDict | None, chosen: str) -> None:
        super().__init__(data, initial={"sign_up": chosen})
        default = SignUp(settings.SIGN_UP).label
        choices = [("", f"As SIGN_UP in the environment says: {default[0].lower()}{default[1:]}"), *SignUp.choices]
        self.fields["sign_up"].choices = choices  # type: ignore[attr-defined]


@require_operator
def choose_sign_up(request: HttpRequest) -> HttpResponse:
    """Choose who may become a user."""
    row = InstallationSettings.objects.filter(pk=1).first()
    form = SignUpForm(request.POST or None, row.sign_up if row else "")
    if request.method == "POST" and form.is_valid():
        installation_sign_up_set(sign_up=form.cleaned_data["sign_up"])
        messages.success(request, "Saved.")
        return redirect("operations:sign-up")
    context = {"form": form, "settings_nav": build_account_navigation(request, "sign-up"), "section": "settings"}
    return render(request, "operations/sign_up.html", context)


@require_operator
def list_sent_mails(request: HttpRequest) -> HttpResponse:
    """List the latest mails, newest first; 404 if mail is sent by a server."""
    if get_mail_folder() is None:
        raise Http404("Mail is sent by a server here.")
    context = {
        "mails": mailbox.list_mails(),
        "folder": get_mail_folder(),
        "settings_nav": build_account_navigation(request, "operations"),
    }
    return render(request, "operations/sent_mails.html", context)


def _get_mail(name: str, place: int) -> mailbox.StoredMail:
    """Return a mail. Raises Http404."""
    sent = mailbox.find_mail(name, place)
    if sent is None:
        raise Http404("No such mail.")
    return sent


@require_operator
def show_sent_mail(request: HttpRequest, name: str, place: int) -> HttpResponse:
    """Show a mail: its headers, its HTML in a frame, and its text."""
    context = {"sent": _get_mail(name, place), "settings_nav": build_account_navigation(request, "operations")}
    return render(request, "operations/sent_mail.html", context)


@xframe_options_sameorigin
@require_operator
def show_sent_letter(request: HttpRequest, name: str, place: int) -> HttpResponse:
    """Serve the HTML of a mail, for the frame."""
    response = HttpResponse(_get_mail(name, place).html)
    response["Content-Security-Policy"] = LETTER_POLICY
    return response
