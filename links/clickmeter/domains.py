"""Operations on link domains."""

from __future__ import annotations

from django.db.models import QuerySet

from links.clickmeter import selectors
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManagerOrReadOnly
from links.clickmeter.errors import build_forbidden_error
from links.clickmeter.fields import DOMAIN_KINDS
from links.clickmeter.parameters import DOMAIN_TYPE
from links.clickmeter.row_views import RowViews
from links.clickmeter.serializers import DomainSerializer
from links.clickmeter.values import Json, lower_keys, parse_enum, parse_text
from links.models import Domain, DomainKind
from links.services import domains as services

KIND_BY_NAME = lower_keys(DOMAIN_KINDS)


class DomainViews(RowViews[Domain]):
    kind, what, nouns = "domains", "domain", "domains"
    filters = "domainType name"
    serializer_class = DomainSerializer
    permission_classes = (IsManagerOrReadOnly,)

    def get_queryset(self) -> QuerySet[Domain]:
        return self.request.scope.domains()

    def filter_queryset(self, queryset: QuerySet[Domain]) -> QuerySet[Domain]:  # type: ignore[override]
        rows = queryset.filter(kind=KIND_BY_NAME[self.request.get_choice(DOMAIN_TYPE)])
        return selectors.filter_by_pattern(rows, self.request.get_text("name"))

    def create(self, request: ApiRequest) -> Json:
        kind = parse_enum(request.members.get("type", DomainKind.PERSONAL), KIND_BY_NAME, "Type")
        kind = kind if kind == DomainKind.DEDICATED else DomainKind.PERSONAL  # as ClickMeter, which takes any type
        name = parse_text(request.members.get("name"))
        domain = services.domain_create(account=request.account, name=name, kind=kind, **self.read_fields())
        return selectors.build_reference(self.kind, domain.pk)

    def check_own(self, row: Domain) -> None:
        """Raise ApiError (403) for a domain of the installation."""
        if row.account_id is None:
            raise build_forbidden_error()

    def change(self, row: Domain, fields: Json) -> object:
        self.check_own(row)
        return services.domain_update(domain=row, **fields)

    def perform_destroy(self, row: Domain) -> None:
        self.check_own(row)
        services.domain_delete(domain=row, now=self.request.now)
