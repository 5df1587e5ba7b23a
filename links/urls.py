"""URLs of the links app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from links import shortener
from links.web import csv_files, editor, guests, listing, live, report, resources

urlpatterns: list[URLPattern | URLResolver] = [
    path("clickmeter/", include("links.clickmeter.urls")),
    path("app/api", shortener.shorten, name="clicky-shorten"),
    path("links", listing.listing, name="links"),
    path("links/bulk", listing.bulk, name="links-bulk"),
    path("links/export.csv", csv_files.export, name="links-export"),
    path("links/import", csv_files.import_csv, name="links-import"),
    path("links/new", editor.new, name="link-new"),
    path("links/live", live.live, name="links-live"),
    path("links/live/stream", live.stream, name="links-stream"),
    path("links/groups", resources.groups, name="link-groups"),
    path("links/groups/<int:group_id>", resources.groups, name="link-group"),
    path("links/groups/<int:group_id>/delete", resources.group_delete, name="link-group-delete"),
    path("links/tags", resources.tags, name="link-tags"),
    path("links/conversions", resources.conversions, name="link-conversions"),
    path("links/conversions/<int:conversion_id>", resources.conversions, name="link-conversion"),
    path("links/conversions/<int:conversion_id>/delete", resources.conversion_delete, name="link-conversion-delete"),
    path("links/domains", resources.domains, name="link-domains"),
    path("links/domains/<int:domain_id>", resources.domains, name="link-domain"),
    path("links/domains/<int:domain_id>/delete", resources.domain_delete, name="link-domain-delete"),
    path("links/scripts", resources.scripts, name="link-scripts"),
    path("links/scripts/<int:script_id>", resources.scripts, name="link-script"),
    path("links/scripts/<int:script_id>/delete", resources.script_delete, name="link-script-delete"),
    path("links/lists", resources.lists, name="link-lists"),
    path("links/guests", guests.matrix, name="link-guests"),
    path("links/guests/<int:member_id>/key", guests.guest_key, name="link-guest-key"),
    path("links/toolbox", guests.toolbox, name="link-toolbox"),
    path("links/<int:datapoint_id>", report.report, name="link"),
    path("links/<int:datapoint_id>/edit", editor.edit, name="link-edit"),
    path("links/<int:datapoint_id>/watch", report.watch, name="link-watch"),
    path("links/<int:datapoint_id>/delete", editor.delete, name="link-delete"),
]
