"""Operations on link domains."""

from __future__ import annotations

from django.db.models import QuerySet

from links.clickmeter import parsers, selectors, serializers
from links.clickmeter.api_request import ApiRequest, Json
from links.models import Domain, DomainKind
from links.services import domains as services

DOMAIN_KINDS = parsers.ENUM_NAMES["domaintype"]


def filter_domains(request: ApiRequest) -> QuerySet[Domain]:
    kind = request.get_choice("type", ("", *DOMAIN_KINDS), "system")
    return selectors.filter_by_pattern(
        request.scope.domains().filter(kind=DOMAIN_KINDS[kind or "system"]), request.get_text("name")
    )


def domain_list(request: ApiRequest) -> Json:
    return selectors.list_page(
        request, filter_domains(request), "domains", selectors.serialize_each(serializers.serialize_domain)
    )


def domain_count(request: ApiRequest) -> Json:
    return selectors.count_rows(filter_domains(request))


def parse_domain_fields(body: Json) -> Json:
    return {
        field: parsers.parse_text(body[name])
        for name, field in (("custom404", "custom_404"), ("customhomepage", "custom_homepage"))
        if name in body
    }


def domain_create(request: ApiRequest) -> Json:
    request.require_manager()
    kind = parsers.parse_enum(request.body.get("type", DomainKind.PERSONAL), "domaintype", "Type")
    kind = kind if kind == DomainKind.DEDICATED else DomainKind.PERSONAL  # as ClickMeter, which takes any type
    name = parsers.parse_text(request.body.get("name"))
    domain = services.domain_create(account=request.account, name=name, kind=kind, **parse_domain_fields(request.body))
    return serializers.build_reference("domains", domain.pk)


def domain_get(request: ApiRequest, id: int) -> Json:
    return serializers.serialize_domain(selectors.find_domain(request, id))


def domain_update(request: ApiRequest, id: int) -> Json:
    services.domain_update(domain=selectors.find_domain(request, id, may="edit"), **parse_domain_fields(request.body))
    return serializers.build_reference("domains", id)


def domain_delete(request: ApiRequest, id: int) -> Json:
    services.domain_delete(domain=selectors.find_domain(request, id, may="edit"), now=request.now)
    return serializers.build_reference("domains", id)
