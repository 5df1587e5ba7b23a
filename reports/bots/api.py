"""The bots of a site in the management API: what was quarantined and why, and marks by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.http import Http404
from django.utils import timezone as clock
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import add_examples
from accounts.api.serializers import ClosedSerializer
from accounts.models import Area
from reports.bots.summary import count_by_kind, format_bot_reason, group_ai_crawlers
from reports.query.analyses.ingestion_audit import BotHits, count_bot_reasons, list_bots
from reports.query.budgets import BudgetExceeded
from reports.query.errors import QueryRefused
from reports.query.periods import Period
from sites.models import Site
from sites.selectors import get_site_for_actor
from tracking import bot_overrides

MAX_BOTS, DEFAULT_BOTS = 1_000, 200
DEFAULT_PERIOD = "7d"
BOT_EXAMPLE = {
    "reason": "ai_training: GPTBot", "label": "AI, training: GPTBot", "user_agent": "Mozilla/5.0 … GPTBot/1.2",
    "organization": "Microsoft", "hits": 412, "pages": 37, "latest": "2026-05-20T07:45:12Z",
}  # fmt: skip
BOTS_EXAMPLE = {
    "since": "2026-05-14T00:00:00Z", "until": "2026-05-21T00:00:00Z", "bots": [BOT_EXAMPLE],
    "reasons": [{"kind": "ai_training", "label": "AI, training", "hits": 412}],
    "ai_crawlers": [{"purpose": "Training", "hits": 412, "crawlers": [{"name": "GPTBot", "hits": 412}]}],
    "marked_bots": ["device:81236712361"], "marked_people": ["agent:ShopApp/3.1"],
}  # fmt: skip


class BotsParameters(serializers.Serializer[object]):
    """The parameters of the list of bots."""

    period = serializers.CharField(
        default=DEFAULT_PERIOD,
        max_length=40,
        help_text="As on the pages: `today`, `30d`, `last-month`, `2026-03-01..2026-03-31`",
    )
    limit = serializers.IntegerField(default=DEFAULT_BOTS, min_value=1, max_value=MAX_BOTS, help_text="Rows of `bots`")


class BotSerializer(ClosedSerializer):
    reason = serializers.CharField(help_text="A kind and what was found: `signature: Googlebot`")
    label = serializers.CharField(help_text="The reason in words")  # type: ignore[assignment]
    user_agent = serializers.CharField(allow_blank=True)
    organization = serializers.CharField(allow_blank=True, help_text="Whose network the hits came from")
    hits = serializers.IntegerField()
    pages = serializers.IntegerField()
    latest = serializers.DateTimeField()


class BotReasonSerializer(ClosedSerializer):
    kind = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    hits = serializers.IntegerField()


class AiCrawlerSerializer(ClosedSerializer):
    name = serializers.CharField()
    hits = serializers.IntegerField()


class AiPurposeSerializer(ClosedSerializer):
    purpose = serializers.CharField()
    hits = serializers.IntegerField()
    crawlers = AiCrawlerSerializer(many=True)


@add_examples("Bots of a week", BOTS_EXAMPLE)
class BotsSerializer(ClosedSerializer):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="Exclusive")
    bots = BotSerializer(many=True, help_text="By reason, user agent and network, those with most hits first")
    reasons = BotReasonSerializer(many=True, help_text="All hits, by kind of reason")
    ai_crawlers = AiPurposeSerializer(many=True, help_text="AI crawlers, by purpose")
    marked_bots = serializers.ListField(
        child=serializers.CharField(), help_text="Marked by hand as bots: `device:<number>`, `agent:<user agent>`"
    )
    marked_people = serializers.ListField(child=serializers.CharField(), help_text="Marked by hand as people")


@add_examples(
    "What to restore",
    {"reason": "signature: ShopApp", "user_agent": "ShopApp/3.1"},
    {"reason": "signature: ShopApp", "user_agent": "ShopApp/3.1", "organization": ""},
)
class RestoreSerializer(ClosedSerializer):
    """One row of the list of bots."""

    reason = serializers.CharField(max_length=200)
    user_agent = serializers.CharField(allow_blank=True, max_length=2000, trim_whitespace=False)
    organization = serializers.CharField(allow_blank=True, default="", max_length=500, trim_whitespace=False)


@add_examples("Events that were moved", {"moved": 412})
class MovedSerializer(ClosedSerializer):
    moved = serializers.IntegerField(read_only=True, help_text="How many events")


MOVED = describe_responses(200, MovedSerializer, is_post=True)


@contextmanager
def refuse_as_invalid() -> Iterator[None]:
    """Turn what the query engine refuses into the errors of this API."""
    try:
        yield
    except BudgetExceeded as error:
        raise exceptions.Throttled(error.seconds) from error
    except QueryRefused as error:
        raise serializers.ValidationError({error.where or "period": [error.sentence]}) from error


class SiteBots(ManagementView[Site]):
    """What was quarantined as a bot in a period, and what is marked by hand."""

    area = Area.SITES
    queryset = Site.objects.none()

    @extend_schema(
        summary="Show the bots of a site",
        parameters=[BotsParameters],
        responses=describe_responses(200, BotsSerializer),
    )
    def get(self, request: Request, site_id: int) -> Response:
        """Return the bots of a period, the reasons and the AI crawlers."""
        site = get_site_for_actor(request.user, site_id)
        asked = BotsParameters(data=request.query_params)
        asked.is_valid(raise_exception=True)
        with refuse_as_invalid():
            period = Period.parse(asked.validated_data["period"], site.timezone, clock.now())
            bots = list_bots(site.pk, period, asked.validated_data["limit"])
            reasons = count_bot_reasons(site.pk, period)
        answer = {
            "since": period.start, "until": period.end, "bots": [describe_bot(row) for row in bots],
            "reasons": [{"kind": row.code, "label": row.label, "hits": row.hits} for row in count_by_kind(reasons)],
            "ai_crawlers": [
                {
                    "purpose": purpose, "hits": hits,
                    "crawlers": [{"name": crawler.label, "hits": crawler.hits} for crawler in crawlers],
                }
                for purpose, hits, crawlers in group_ai_crawlers(reasons)
            ],
            "marked_bots": site.robots, "marked_people": site.people,
        }  # fmt: skip
        return Response(BotsSerializer(answer).data)


def describe_bot(row: BotHits) -> dict[str, object]:
    """Return a row of the list with its reason in words."""
    return {**row, "label": format_bot_reason(row["reason"])}


class BotsRestored(ManagementView[Site]):
    """Restores one row of the list of bots: the events count again, and so do later hits of the same kind."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class = RestoreSerializer

    @extend_schema(summary="Restore what was quarantined as a bot", request=RestoreSerializer, responses=MOVED)
    def post(self, request: Request, site_id: int) -> Response:
        """Restore the events."""
        site = get_site_for_actor(request.user, site_id, may="edit")
        row = RestoreSerializer(data=request.data)
        row.is_valid(raise_exception=True)
        return Response({"moved": bot_overrides.restore_visitors(site=site, **row.validated_data)})


class MarkedBot(ManagementView[Site]):
    """The base of the operations that mark a visitor or visit as a bot."""

    area = Area.SITES
    queryset = Site.objects.none()
    serializer_class = MovedSerializer

    def quarantine(self, quarantine: Callable[[Site], int]) -> Response:
        """Quarantine events of the site. Raises Http404 for a visitor or visit that it does not have."""
        site = get_site_for_actor(self.request.user, self.kwargs["site_id"], may="edit")
        try:
            return Response({"moved": quarantine(site)})
        except bot_overrides.NoSuchVisitor as error:
            raise Http404("No such visitor.") from error


class VisitorMarkedAsBot(MarkedBot):
    """Quarantines everything of a visitor's device, later hits included."""

    @extend_schema(summary="Mark a visitor as a bot", request=None, responses=MOVED)
    def post(self, request: Request, site_id: int, device: int) -> Response:
        """Quarantine the device."""
        return self.quarantine(lambda site: bot_overrides.quarantine_visitor(site=site, device=device))


class VisitMarkedAsBot(MarkedBot):
    """Quarantines a visit, and later hits of its device."""

    @extend_schema(summary="Mark a visit as a bot", request=None, responses=MOVED)
    def post(self, request: Request, site_id: int, visit: int) -> Response:
        """Quarantine the visit."""
        return self.quarantine(lambda site: bot_overrides.quarantine_visit(site=site, visit=visit))
