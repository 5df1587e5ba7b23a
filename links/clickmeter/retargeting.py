"""Operations on retargeting scripts."""

from __future__ import annotations

from django.db.models import QuerySet

from links.clickmeter import selectors
from links.clickmeter.api_request import ApiRequest
from links.clickmeter.api_view import IsManagerOrReadOnly
from links.clickmeter.row_views import RowViews
from links.clickmeter.serializers import ScriptSerializer
from links.clickmeter.values import Json
from links.models import Script
from links.services import scripts_and_lists as services


class ScriptViews(RowViews[Script]):
    kind, what, nouns = "retargeting", "retargeting script", "retargeting scripts"
    link_filters = "status tags textSearch onlyFavorites sortBy sortDirection createdAfter createdBefore"
    link_lookup = "scripts"
    serializer_class = ScriptSerializer
    permission_classes = (IsManagerOrReadOnly,)

    def get_queryset(self) -> QuerySet[Script]:
        return self.request.scope.scripts()

    def create(self, request: ApiRequest) -> Json:
        fields = {"name": "", "script": "", **self.read_fields()}
        return selectors.build_reference(self.kind, self.write(None, **fields).pk)

    def change(self, row: Script, fields: Json) -> object:
        return self.write(row, **{"name": row.name, "script": row.script, **fields})

    def write(self, row: Script | None, name: str, script: str) -> Script:
        return services.script_write(account=self.request.account, script=row, name=name, text=script)

    def perform_destroy(self, row: Script) -> None:
        services.script_delete(script=row)
