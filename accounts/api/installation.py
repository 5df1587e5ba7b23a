"""Operations of operators in the management API, below `/api/v1/installation/`: plans, and accounts with theirs.

They are for people who are operators, by their session or a personal token with a scope of the area `installation`,
which only operators can create. Keys of accounts and members never reach them.
"""

from __future__ import annotations

from django.db.models import Count, QuerySet
from django.http import Http404
from django_filters.rest_framework import CharFilter, FilterSet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin, UpdateModelMixin
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from accounts.account_limits import LIMITS
from accounts.api.lists import IdFilter
from accounts.api.resources import ResourceViews, Row, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.models import INSTALLATION, Account, User
from accounts.permissions import Bearer, get_acting_user
from accounts.plans.models import Plan
from accounts.plans.monthly_use import MonthlyUse, build_call_use, build_event_use
from accounts.services.plans import account_plan_set, plan_create, plan_delete, plan_update

PLAN_EXAMPLE = {
    "id": 3, "name": "Pro", "description": "For agencies",
    "limits": {"sites": 50, "monthly_events": 1_000_000, "events_refused_at": 120}, "accounts": 12,
    "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NEW_PLAN_EXAMPLE = {"name": "Pro", "description": "For agencies", "limits": {"sites": 50, "monthly_events": 1_000_000}}
USE_EXAMPLE = {"used": 48_210, "included": 1_000_000, "percent": 4, "is_refused": False}
ACCOUNT_EXAMPLE = {
    "id": 7, "name": "Example Ltd", "plan": 3, "suspended": None, "events": USE_EXAMPLE,
    "api_calls": {**USE_EXAMPLE, "used": 812, "included": 0, "percent": 0}, "created": "2026-03-01T09:30:00Z",
}  # fmt: skip
NOBODY = "There is no such endpoint."  # for everybody but operators


class InstallationViews(ResourceViews[Row]):
    """The base of what only operators reach. Everybody else is answered as if it did not exist."""

    area = INSTALLATION
    uncounted = True

    def check_permissions(self, request: Request) -> None:
        """Check who calls. Raises Http404 for who is no operator, or sends another key than a personal token."""
        if request.user and request.user.is_authenticated and not is_operator(request.user):
            raise Http404(NOBODY)
        super().check_permissions(request)


def is_operator(actor: User | Bearer) -> bool:
    """Whether a person is an operator who is logged in or sends a personal token that is not limited to sites."""
    if isinstance(actor, Bearer) and (actor.token is None or actor.site_ids is not None):
        return False
    user = get_acting_user(actor)
    return user is not None and user.is_operator


@extend_schema_field({
    "type": "object",
    "properties": {name: {"type": "integer", "minimum": 0, "nullable": True} for name in LIMITS},
    "additionalProperties": False,
})  # fmt: skip
class LimitsField(serializers.DictField):
    """Limits by name, as `manage.py limits` lists them. null in a body: the installation's again."""

    child = serializers.IntegerField(allow_null=True)


@add_examples("A plan", PLAN_EXAMPLE, NEW_PLAN_EXAMPLE)
class PlanSerializer(ClosedModelSerializer):
    limits = LimitsField(required=False, help_text="What differs from the installation's; a PATCH changes those it has")
    accounts = serializers.IntegerField(source="account_count", read_only=True, default=0, help_text="How many have it")

    class Meta:
        model = Plan
        fields = ("id", "name", "description", "limits", "accounts", "created")
        read_only_fields = ("id", "created")


class PlanFilters(FilterSet):
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")


class PlanViews(InstallationViews[Plan], ModelViewSet[Plan]):
    """The plans of the installation. A change holds at once for all accounts of the plan."""

    noun, plural = "a plan", "plans"
    ordering = ("name", "pk")
    queryset = Plan.objects.none()
    serializer_class = PlanSerializer
    filterset_class = PlanFilters
    lookup_url_kwarg = "plan_id"
    missing = "No such plan."

    def get_queryset(self) -> QuerySet[Plan]:
        return Plan.objects.annotate(account_count=Count("accounts"))

    def perform_create(self, serializer: BaseSerializer[Plan]) -> None:
        serializer.instance = plan_create(**serializer.validated_data)

    def perform_update(self, serializer: BaseSerializer[Plan]) -> None:
        row = plan_update(plan=require_instance(serializer), **serializer.validated_data)
        serializer.instance = self.get_queryset().get(pk=row.pk)

    def perform_destroy(self, instance: Plan) -> None:
        plan_delete(plan=instance)


class UseSerializer(ClosedSerializer):
    """Describes `serialize_use`, which a list of many accounts calls without a serializer for each."""

    used = serializers.IntegerField(help_text="Of the running month of UTC")
    included = serializers.IntegerField(help_text="0: any number")
    percent = serializers.IntegerField()
    is_refused = serializers.BooleanField(help_text="More is refused now")


def serialize_use(use: MonthlyUse) -> dict[str, object]:
    """Serialize what of a month is used."""
    return {"used": use.used, "included": use.quota, "percent": use.percent, "is_refused": use.is_refused}


@add_examples("An account", ACCOUNT_EXAMPLE, {"plan": 3})
class InstallationAccountSerializer(ClosedModelSerializer):
    plan = serializers.PrimaryKeyRelatedField(
        queryset=Plan.objects.all(), allow_null=True, help_text="The id of its plan; null: none"
    )
    events = serializers.SerializerMethodField()
    api_calls = serializers.SerializerMethodField()

    class Meta:
        model = Account
        fields = ("id", "name", "plan", "suspended", "events", "api_calls", "created")
        read_only_fields = ("id", "name", "suspended", "created")

    @extend_schema_field(UseSerializer)
    def get_events(self, account: Account) -> dict[str, object]:
        return serialize_use(build_event_use(account))

    @extend_schema_field(UseSerializer)
    def get_api_calls(self, account: Account) -> dict[str, object]:
        return serialize_use(build_call_use(account))


class AccountFilters(FilterSet):
    name = CharFilter(lookup_expr="icontains", label="Text that the name contains")
    plan = IdFilter(label="The id of the plan")


class InstallationAccountViews(InstallationViews[Account], ListModelMixin, RetrieveModelMixin, UpdateModelMixin):
    """All accounts of the installation, with their plans and what they used of the running month."""

    noun, plural = "an account", "accounts"
    ordering = ("pk",)
    queryset = Account.objects.none()
    serializer_class = InstallationAccountSerializer
    filterset_class = AccountFilters
    lookup_url_kwarg = "account_id"
    missing = "No such account."

    def get_queryset(self) -> QuerySet[Account]:
        return Account.objects.all()

    def perform_update(self, serializer: BaseSerializer[Account]) -> None:
        account = require_instance(serializer)
        if "plan" in serializer.validated_data:
            account_plan_set(account=account, plan=serializer.validated_data["plan"])
        serializer.instance = account
