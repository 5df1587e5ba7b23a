"""URLs of the links app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from links import shortener
from links.web import csv_files, editor, guests, link_list, live_clicks, report, resource_pages

app_name = "links"
urlpatterns: list[URLPattern | URLResolver] = [
    path("clickmeter/", include("links.clickmeter.urls")),
    path("app/api", shortener.shorten, name="shorten"),
    path("links", link_list.listing, name="list"),
    path("links/bulk", link_list.bulk, name="bulk"),
    path("links/export.csv", csv_files.export, name="export"),
    path("links/import", csv_files.import_csv, name="import"),
    path("links/new", editor.new, name="new"),
    path("links/live", live_clicks.live, name="live"),
    path("links/live/stream", live_clicks.stream, name="stream"),
    path("links/groups", resource_pages.groups, name="groups"),
    path("links/groups/<int:group_id>", resource_pages.groups, name="group"),
    path("links/groups/<int:group_id>/delete", resource_pages.group_delete, name="group-delete"),
    path("links/tags", resource_pages.tags, name="tags"),
    path("links/conversions", resource_pages.conversions, name="conversions"),
    path("links/conversions/<int:conversion_id>", resource_pages.conversions, name="conversion"),
    path("links/conversions/<int:conversion_id>/delete", resource_pages.conversion_delete, name="conversion-delete"),
    path("links/domains", resource_pages.domains, name="domains"),
    path("links/domains/<int:domain_id>", resource_pages.domains, name="domain"),
    path("links/domains/<int:domain_id>/delete", resource_pages.domain_delete, name="domain-delete"),
    path("links/scripts", resource_pages.scripts, name="scripts"),
    path("links/scripts/<int:script_id>", resource_pages.scripts, name="script"),
    path("links/scripts/<int:script_id>/delete", resource_pages.script_delete, name="script-delete"),
    path("links/lists", resource_pages.lists, name="lists"),
    path("links/guests", guests.matrix, name="guests"),
    path("links/guests/<int:member_id>/key", guests.guest_key, name="guest-key"),
    path("links/toolbox", guests.toolbox, name="toolbox"),
    path("links/<int:datapoint_id>", report.report, name="report"),
    path("links/<int:datapoint_id>/edit", editor.edit, name="edit"),
    path("links/<int:datapoint_id>/watch", report.watch, name="watch"),
    path("links/<int:datapoint_id>/delete", editor.delete, name="delete"),
]
