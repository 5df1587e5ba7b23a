"""The caller's notices and what they choose to be told of, in the management API."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import ChoiceFilter, FilterSet, IsoDateTimeFilter
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.generics import RetrieveAPIView
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin, UpdateModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.lists import BooleanFilter
from accounts.api.management_view import ManagementView
from accounts.api.openapi import describe_responses
from accounts.api.resources import ResourceViews, add_examples
from accounts.api.serializers import ClosedModelSerializer, ClosedSerializer, require_instance
from accounts.models import Area, User
from accounts.notices.kinds import KINDS
from accounts.notices.models import Notice
from accounts.notices.selectors import format_notice, list_choices, select_notices
from accounts.notices.services import notices_mark
from accounts.permissions import Actor, Bearer

NOTICE_EXAMPLE = {
    "id": 81, "kind": "destination_dead", "label": "Dead destination",
    "sentence": "The link Spring leads to https://shop.example/spring, which does not work: It answers 404.",
    "path": "/links/12", "account": 7, "created": "2026-05-20T08:00:00Z", "read": False,
}  # fmt: skip


def get_person(actor: Actor) -> User:
    """Return the person who acts, logged in or by a personal token of the whole account. Raises Http404 for others.

    Authkeys may be known to others as well, and the account itself is beyond a token that is limited to some sites.
    """
    if isinstance(actor, Bearer) and actor.token is not None and actor.site_ids is None:
        return actor.membership.user
    if isinstance(actor, User):
        return actor
    raise Http404("Notices belong to a person; an authkey has none.")


@add_examples("A notice", NOTICE_EXAMPLE, {"read": True})
class NoticeSerializer(ClosedModelSerializer):
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    sentence = serializers.CharField(read_only=True)
    path = serializers.CharField(read_only=True, allow_blank=True, help_text="Of the page that it leads to; or empty")
    account = serializers.IntegerField(read_only=True, allow_null=True, help_text="null: it is about the person alone")
    read = serializers.BooleanField()

    class Meta:
        model = Notice
        fields = ("id", "kind", "label", "sentence", "path", "account", "created", "read")
        read_only_fields = ("id", "kind", "created")

    def to_representation(self, instance: Notice) -> dict[str, object]:
        """Return the notice with its sentence."""
        line = format_notice(instance)
        return {
            "id": instance.pk, "kind": instance.kind, "label": line.label, "sentence": line.sentence,
            "path": line.path, "account": instance.account_id,
            "created": self.fields["created"].to_representation(instance.created), "read": instance.read is not None,
        }  # fmt: skip


class NoticeFilters(FilterSet):
    kind = ChoiceFilter(choices=[(kind.name, kind.label) for kind in KINDS.values()])
    unread = BooleanFilter("read", "isnull", label="true: only unread notices; false: only read ones")
    since = IsoDateTimeFilter(field_name="created", lookup_expr="gte", label="From this time, inclusive")


class NoticeViews(
    ResourceViews[Notice], ListModelMixin, RetrieveModelMixin, UpdateModelMixin
):  # fmt: skip
    """The caller's notices, the latest first; by a token those of its account. A PATCH marks one as read or unread."""

    area = Area.ACCOUNT
    noun, plural = "a notice", "notices"
    ordering = ("-pk",)
    queryset = Notice.objects.none()
    serializer_class = NoticeSerializer
    filterset_class = NoticeFilters
    lookup_url_kwarg = "notice_id"
    missing = "No such notice."

    def get_queryset(self) -> QuerySet[Notice]:
        return select_own_notices(self.request.user)

    def perform_update(self, serializer: BaseSerializer[Notice]) -> None:
        notice = require_instance(serializer)
        is_read = serializer.validated_data.get("read", notice.read is not None)
        notices_mark(notices=Notice.objects.filter(pk=notice.pk), is_read=is_read)
        serializer.instance = self.get_object()


def select_own_notices(actor: Actor) -> QuerySet[Notice]:
    """Select the notices of the person who acts, by a token those of its account. Raises Http404."""
    account = actor.membership.account if isinstance(actor, Bearer) else None
    return select_notices(get_person(actor), account)


@add_examples("How many were marked", {"read": 3})
class ReadNoticesSerializer(ClosedSerializer):
    read = serializers.IntegerField(read_only=True, help_text="How many were not read before")


class ReadNotices(ManagementView[Notice]):
    """Marks all of the caller's notices as read."""

    area = Area.ACCOUNT
    queryset = Notice.objects.none()
    serializer_class = ReadNoticesSerializer

    @extend_schema(
        summary="Mark all notices as read", request=None,
        responses=describe_responses(200, ReadNoticesSerializer, is_post=True),
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        return Response({"read": notices_mark(notices=select_own_notices(request.user))})


@add_examples(
    "What a person has chosen",
    {kind.name: kind.default.value for kind in KINDS.values()},
)
class NoticeChoicesSerializer(ClosedSerializer):
    """One field for each kind of notice."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """Return a choice for each kind."""
        return {
            kind.name: serializers.ChoiceField(
                choices=[(way.value, way.label) for way in kind.ways], read_only=True, help_text=kind.label
            )
            for kind in KINDS.values()
        }

    def to_representation(self, instance: User) -> dict[str, str]:
        """Return what the person has chosen, defaults included."""
        return {row.kind.name: row.way.value for row in list_choices(instance)}


@extend_schema_view(get=extend_schema(summary="Show which notices the caller gets, and how"))
class NoticeChoices(ManagementView[User], RetrieveAPIView[User]):
    """For each kind of notice whether the caller finds it in the inbox, by e-mail too, or nowhere.

    It is so in all of the person's accounts, and a token is of one: they choose on the page.
    """

    area = Area.ACCOUNT
    serializer_class = NoticeChoicesSerializer

    def get_object(self) -> User:
        return get_person(self.request.user)
