"""URLs of the links app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.api.resources import build_routes
from links import shortener
from links.api.account_resources import ConversionViews, DomainViews, EntryViews, GroupViews, ScriptViews, TagViews
from links.api.links import LinkViews
from links.web import csv_files, editor, guests, link_list, live_clicks, report, resource_pages

app_name = "links"
urlpatterns: list[URLPattern | URLResolver] = [
    path("clickmeter/", include("links.clickmeter.urls")),
    path("app/api", shortener.ShortenerView.as_view(), name="shorten"),
    path("links", link_list.show_links, name="list"),
    path("links/bulk", link_list.change_links, name="bulk"),
    path("links/export.csv", csv_files.export_csv, name="export"),
    path("links/import", csv_files.import_csv, name="import"),
    path("links/new", editor.create_link, name="new"),
    path("links/live", live_clicks.show_live_clicks, name="live"),
    path("links/live/stream", live_clicks.stream_clicks, name="stream"),
    path("links/groups", resource_pages.manage_groups, name="groups"),
    path("links/groups/<int:group_id>", resource_pages.manage_groups, name="group"),
    path("links/groups/<int:group_id>/delete", resource_pages.delete_group, name="group-delete"),
    path("links/tags", resource_pages.manage_tags, name="tags"),
    path("links/conversions", resource_pages.manage_conversions, name="conversions"),
    path("links/conversions/<int:conversion_id>", resource_pages.manage_conversions, name="conversion"),
    path("links/conversions/<int:conversion_id>/delete", resource_pages.delete_conversion, name="conversion-delete"),
    path("links/domains", resource_pages.manage_domains, name="domains"),
    path("links/domains/<int:domain_id>", resource_pages.manage_domains, name="domain"),
    path("links/domains/<int:domain_id>/delete", resource_pages.delete_domain, name="domain-delete"),
    path("links/scripts", resource_pages.manage_scripts, name="scripts"),
    path("links/scripts/<int:script_id>", resource_pages.manage_scripts, name="script"),
    path("links/scripts/<int:script_id>/delete", resource_pages.delete_script, name="script-delete"),
    path("links/lists", resource_pages.manage_lists, name="lists"),
    path("links/guests", guests.show_grants, name="guests"),
    path("links/guests/<int:member_id>/key", guests.show_guest_key, name="guest-key"),
    path("links/toolbox", guests.show_toolbox, name="toolbox"),
    path("links/<int:datapoint_id>", report.show_report, name="report"),
    path("links/<int:datapoint_id>/edit", editor.edit_link, name="edit"),
    path("links/<int:datapoint_id>/watch", report.watch_destination, name="watch"),
    path("links/<int:datapoint_id>/delete", editor.delete_link, name="delete"),
    *build_routes(
        {
            "links": LinkViews,
            "link-groups": GroupViews,
            "link-tags": TagViews,
            "link-conversions": ConversionViews,
            "link-domains": DomainViews,
            "link-scripts": ScriptViews,
            "link-lists": EntryViews,
        }
    ),
]
