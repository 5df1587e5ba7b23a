"""The page on which a user deletes themselves."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import cast

from allauth.account.adapter import get_adapter
from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache

from accounts import mail
from accounts.branding import Brand
from accounts.forms import add_errors
from accounts.models import User
from accounts.revocation import list_ending_access
from accounts.services.user_deletion import check_deletable, user_delete
from accounts.settings_parts import build_account_navigation
from accounts.validators import normalize_address

log = logging.getLogger(__name__)


class DeletionForm(forms.Form):
    """The user's address, typed once more."""

    email = forms.EmailField(label="Your e-mail address, to confirm", widget=forms.EmailInput({"autocomplete": "off"}))

    def __init__(self, data: QueryDict | None, user: User) -> None:
        super().__init__(data)
        self.user = user

    def clean_email(self) -> str:
        """Check that it is the user's."""
        email = normalize_address(self.cleaned_data["email"])
        if email != self.user.email:
            raise ValidationError(f"Your address is {self.user.email}.")
        return email


@login_required
@never_cache
@reauthentication_required(app="allauth.account")  # type: ignore[untyped-decorator]
def delete_user(request: HttpRequest) -> HttpResponse:
    """Say what ends with the user, and delete them after a confirmation."""
    user = cast(User, request.user)
    form = DeletionForm(request.POST or None, user)
    if request.method == "POST" and form.is_valid():
        address, brand = user.email, get_adapter(request).choose_brand(user)
        try:
            user_delete(user=User.objects.get(pk=user.pk))
        except ValidationError as error:
            add_errors(form, error)
        else:
            return finish_deletion(request, address, brand)
    return render_deletion(request, user, form)


def render_deletion(request: HttpRequest, user: User, form: DeletionForm) -> HttpResponse:
    """Render the page: what ends, or what must be done before."""
    obstacle = ""
    try:
        check_deletable(user)
    except ValidationError as error:
        obstacle = " ".join(error.messages)
    memberships = user.memberships.accepted().select_related("account", "user").order_by("account__name", "pk")
    context = {
        "form": form,
        "obstacle": obstacle,
        "memberships": [(membership, list_ending_access(membership)) for membership in memberships],
        "settings_nav": build_account_navigation(request, "me"),
        "section": "settings",
    }
    return render(request, "accounts/delete_user.html", context)


def finish_deletion(request: HttpRequest, address: str, brand: Brand) -> HttpResponse:
    """Log out, and mail that the user is deleted; what was done stays done if that fails."""
    logout(request)
    try:
        mail.send(to=address, template="accounts/user_deleted.txt", brand=brand, email=address)
    except (OSError, SMTPException) as error:
        log.warning("The mail about a deleted user could not be sent: %s", error)
    messages.success(request, "Your user was deleted.")
    return redirect("account_login")
