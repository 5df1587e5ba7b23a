"""URLs of the links app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from links import shortener
from links.web import csv_files, editor, guests, listing, live, report, resources

app_name = "links"
urlpatterns: list[URLPattern | URLResolver] = [
    path("clickmeter/", include("links.clickmeter.urls")),
    path("app/api", shortener.shorten, name="shorten"),
    path("links", listing.listing, name="list"),
    path("links/bulk", listing.bulk, name="bulk"),
    path("links/export.csv", csv_files.export, name="export"),
    path("links/import", csv_files.import_csv, name="import"),
    path("links/new", editor.new, name="new"),
    path("links/live", live.live, name="live"),
    path("links/live/stream", live.stream, name="stream"),
    path("links/groups", resources.groups, name="groups"),
    path("links/groups/<int:group_id>", resources.groups, name="group"),
    path("links/groups/<int:group_id>/delete", resources.group_delete, name="group-delete"),
    path("links/tags", resources.tags, name="tags"),
    path("links/conversions", resources.conversions, name="conversions"),
    path("links/conversions/<int:conversion_id>", resources.conversions, name="conversion"),
    path("links/conversions/<int:conversion_id>/delete", resources.conversion_delete, name="conversion-delete"),
    path("links/domains", resources.domains, name="domains"),
    path("links/domains/<int:domain_id>", resources.domains, name="domain"),
    path("links/domains/<int:domain_id>/delete", resources.domain_delete, name="domain-delete"),
    path("links/scripts", resources.scripts, name="scripts"),
    path("links/scripts/<int:script_id>", resources.scripts, name="script"),
    path("links/scripts/<int:script_id>/delete", resources.script_delete, name="script-delete"),
    path("links/lists", resources.lists, name="lists"),
    path("links/guests", guests.matrix, name="guests"),
    path("links/guests/<int:member_id>/key", guests.guest_key, name="guest-key"),
    path("links/toolbox", guests.toolbox, name="toolbox"),
    path("links/<int:datapoint_id>", report.report, name="report"),
    path("links/<int:datapoint_id>/edit", editor.edit, name="edit"),
    path("links/<int:datapoint_id>/watch", report.watch, name="watch"),
    path("links/<int:datapoint_id>/delete", editor.delete, name="delete"),
]
