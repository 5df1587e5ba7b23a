"""What an account has used of its plan, in the management API."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.utils import timezone as clock
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedSerializer
from accounts.models import Account, Area
from accounts.plans.models import Api
from accounts.plans.monthly_use import MonthlyUse
from accounts.plans.months import find_first_day, parse_month
from reports.usage.forecast import Forecast
from reports.usage.report import UsageReport, build_report

FORECAST_EXAMPLE = {"per_day": 3_200, "total": 98_400, "percent": 98, "used_up": None, "refused": None}
USAGE_EXAMPLE = {
    "month": "2026-03", "plan": "Pro",
    "events": {
        "used": 60_010, "included": 100_000, "percent": 60, "refused_at": 120, "is_refused": False,
        "forecast": FORECAST_EXAMPLE,
    },
    "api_calls": {
        "used": 812, "included": 0, "percent": 0, "refused_at": 120, "is_refused": False, "forecast": None,
    },
    "numbers": [{"name": "sites", "used": 12, "included": 50}],
    "days": [{"day": "2026-03-01", "events": 3_105, "api_calls": 40}],
    "sites": [{"site": 100001, "name": "shop.example", "events": 41_300}, {"site": None, "name": "Links and pixels",
               "events": 18_710}],
    "apis": [{"api": "clickport", "calls": 812}],
}  # fmt: skip


class ForecastSerializer(ClosedSerializer):
    per_day = serializers.IntegerField(help_text="The mean of the last seven complete days")
    total = serializers.IntegerField(help_text="What the month ends with at this pace")
    percent = serializers.IntegerField(help_text="Of what the plan includes")
    used_up = serializers.DateField(allow_null=True, help_text="The day on which all is used; null: not this month")
    refused = serializers.DateField(allow_null=True, help_text="The day from which on more is refused")


class MonthlyUseSerializer(ClosedSerializer):
    used = serializers.IntegerField()
    included = serializers.IntegerField(help_text="What the plan includes; 0: any number")
    percent = serializers.IntegerField()
    refused_at = serializers.IntegerField(help_text="The percentage from which on more is refused; 0: never")
    is_refused = serializers.BooleanField(help_text="More is refused now")
    forecast = ForecastSerializer(allow_null=True, help_text="null: of an earlier month, or of a new account")


class NumberUseSerializer(ClosedSerializer):
    name = serializers.CharField(help_text="The name of the limit, such as `sites`, `datapoints`: links, or `seats`")
    used = serializers.IntegerField()
    included = serializers.IntegerField()


class DayUseSerializer(ClosedSerializer):
    day = serializers.DateField(help_text="A day of UTC")
    events = serializers.IntegerField()
    api_calls = serializers.IntegerField()


class SiteUseSerializer(ClosedSerializer):
    site = serializers.IntegerField(allow_null=True, help_text="The site's id; null: links and pixels")
    name = serializers.CharField()
    events = serializers.IntegerField()


class ApiUseSerializer(ClosedSerializer):
    api = serializers.ChoiceField(choices=Api.choices)
    calls = serializers.IntegerField()


@add_examples("A month", USAGE_EXAMPLE)
class UsageSerializer(ClosedSerializer):
    month = serializers.CharField(help_text="A month of UTC")
    plan = serializers.CharField(allow_blank=True, help_text="Its name; empty: the installation's limits")
    events = MonthlyUseSerializer()
    api_calls = MonthlyUseSerializer()
    numbers = NumberUseSerializer(many=True, help_text="What the account has now; empty for an earlier month")
    days = DayUseSerializer(many=True)
    sites = SiteUseSerializer(many=True, help_text="Those with events in the month, the most first")
    apis = ApiUseSerializer(many=True)


MONTH_PARAMETER = OpenApiParameter(
    "month", {"type": "string", "pattern": r"^\d{4}-\d{2}$", "example": "2026-03"},
    description="Which month, of the last years; the running one if it is left out",
)  # fmt: skip


class UsageDetail(ManagementView[Account]):
    """What the account has used of its plan. It can be read when the API calls of the month are used up."""

    area = Area.ACCOUNT
    uncounted = True
    queryset = Account.objects.none()
    serializer_class: type[serializers.BaseSerializer[Account]] = UsageSerializer

    @extend_schema(
        summary="Show what is used of the plan",
        parameters=[MONTH_PARAMETER],
        responses=describe_responses(200, UsageSerializer),
    )
    def get(self, request: Request) -> Response:
        account = self.get_membership("manage").account
        return Response(serialize_report(build_report(account, read_month(request), clock.now())))


def read_month(request: Request) -> date:
    """Read the month that is asked for. Raises ValidationError."""
    unknown = [name for name in request.query_params if name != "month"]
    if unknown:
        raise ValidationError(dict.fromkeys(unknown, "There is no such parameter. Known: month."))
    text, running = request.query_params.get("month", ""), find_first_day(clock.now())
    try:
        first = parse_month(text) if text else running
    except ValueError as error:
        raise ValidationError({"month": "Write a month as 2026-03."}) from error
    if first > running:
        raise ValidationError({"month": "This month has not begun."})
    return first


def serialize_report(report: UsageReport) -> dict[str, object]:
    """Serialize a report."""
    plan = report.account.plan
    return dict(UsageSerializer({
        "month": f"{report.first:%Y-%m}", "plan": plan.name if plan else "",
        "events": serialize_use(report.use.events, report.event_forecast),
        "api_calls": serialize_use(report.use.calls, report.call_forecast),
        "numbers": [{"name": row.limit, "used": row.used, "included": row.included} for row in report.numbers],
        "days": [{"day": row.day, "events": row.events, "api_calls": row.calls} for row in report.days],
        "sites": [
            {"site": None if row.is_links else row.site, "name": row.name, "events": row.events}
            for row in report.sites
        ],
        "apis": [{"api": row.api, "calls": row.calls} for row in report.apis],
    }).data)  # fmt: skip


def serialize_use(use: MonthlyUse, forecast: Forecast | None) -> dict[str, object]:
    """Serialize the use of events or API calls."""
    return {
        "used": use.used, "included": use.quota, "percent": use.percent, "refused_at": use.refused_at,
        "is_refused": use.is_refused, "forecast": forecast,
    }  # fmt: skip
