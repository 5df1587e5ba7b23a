"""Sites and their settings: which values are valid, and what they do."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.host_names import format_host, normalize_host
from accounts.models import Account, User
from sites.hosts import HostMatcher
from sites.models import FIRST_SITE_ID, Site
from sites.services import api_key_provision, api_key_revoke, site_create, site_delete, site_update
from sites.site_config import build_site_config
from tests.values import require


@pytest.mark.parametrize(
    ("text", "name"),
    [("https://www.Example.org:8080/x?y#z", "www.example.org"), ("EXAMPLE.org.", "example.org"),
     ("münchen.example", "xn--mnchen-3ya.example"), ("//user:pw@example.org/", "example.org"),
     ("https://straße.de/x", "xn--strae-oqa.de"), ("xn--strae-oqa.de", "xn--strae-oqa.de"),
     ("faß。DE", "xn--fa-hia.de"),
     ("BÜCHER.example:8080", "xn--bcher-kva.example"), ("☕.example", "xn--53h.example"),
     ("a_b.münchen.example", "a_b.xn--mnchen-3ya.example"), ("[::1]:80", "::1"), ("::1", "::1"),
     ("", ""), ("a..b\u2026", ""),
     ("ü" * 70 + ".de", ""), ("\ud800.de", "")],
)  # fmt: skip
def test_host_names_are_compared_in_normalized_form(text: str, name: str) -> None:
    assert normalize_host(text) == name


def test_a_site_with_a_sharp_s_gets_only_hits_of_its_own_domain(account: Account) -> None:
    hosts = ["*größe.example"]
    matcher = build_site_config(site_create(account=account, domain="straße.de", allowed_hosts=hosts)).hosts
    accepted = ("xn--strae-oqa.de", "straße.de", "www.xn--strae-oqa.de", "a.xn--gre-6ka8i.example")
    assert all(matcher.accepts_host(host) for host in accepted)
    assert not any(matcher.accepts_host(host) for host in ("strasse.de", "grosse.example", "groesse.example"))


@pytest.mark.parametrize(
    ("name", "readable"),
    [("xn--bcher-kva.example", "bücher.example"), ("xn--strae-oqa.de", "straße.de"), ("a.example", "a.example"),
     ("xn--zzzz.de", "xn--zzzz.de"), ("xn--", "xn--")],
)  # fmt: skip
def test_internationalized_host_names_are_shown_decoded(name: str, readable: str) -> None:
    assert format_host(name) == readable


@pytest.mark.parametrize(
    ("host", "accepted"),
    [("example.org", True), ("www.example.org", True), ("shop.example.org:443", True), ("EXAMPLE.ORG", True),
     ("badexample.org", False), ("example.org.evil.example", False), ("exact.example", True),
     ("sub.exact.example", False), ("tree.example", True), ("a.b.tree.example", True), ("mytree.example", False),
     ("", False), ("..", False)],
)  # fmt: skip
def test_hits_from_the_domain_its_subdomains_and_listed_hosts_are_accepted(host: str, accepted: bool) -> None:
    matcher = HostMatcher("www.example.org", ("exact.example", "*tree.example"), any_host=False)
    assert matcher.accepts_host(host) is accepted


LOCAL = ("localhost", "app", "intranet.corp", "a_b.example.com", "_dmarc.example.com", "xn--p1ai", "192.0.2.7", "::1")


@pytest.mark.parametrize("name", LOCAL)
def test_local_names_are_valid_host_names(account: Account, name: str) -> None:
    site = site_create(account=account, domain=name)
    assert site.domain == name
    assert build_site_config(site).hosts.accepts_host(name)
    other = site_create(account=account, domain="example.org", allowed_hosts=[name])
    assert other.allowed_hosts == [name]
    assert build_site_config(other).hosts.accepts_host(name)
    assert not build_site_config(other).hosts.accepts_host("elsewhere.example")


@pytest.mark.parametrize(
    ("text", "name"), [("localhost:3000", "localhost"), ("http://localhost:8080/x", "localhost"), ("[::1]:80", "::1")]
)
def test_ports_of_local_names_are_ignored(site: Site, text: str, name: str) -> None:
    site_update(site=site, allowed_hosts=[text, f"*{name}"] if name == "localhost" else [text])
    assert site.allowed_hosts[0] == name


@pytest.mark.parametrize(
    "name", ["two words", "a..b", "-a.example", "a-.example", "1.2.3", "300.1.1.1", "a.123", "a" * 64, "a." * 127 + "b"]
)
def test_an_invalid_host_name_is_rejected(site: Site, name: str) -> None:
    for values in ({"domain": name}, {"allowed_hosts": [name]}):
        with pytest.raises(ValidationError, match="Enter a host name such as"):
            site_update(site=site, **values)


def test_any_host_can_be_accepted() -> None:
    assert HostMatcher("example.org", (), any_host=True).accepts_host("whatever.example")


def test_site_ids_begin_at_the_first_and_are_never_reused(account: Account) -> None:
    first = site_create(account=account, domain="one.example")
    second = site_create(account=account, domain="two.example")
    assert (first.pk, second.pk) == (FIRST_SITE_ID, FIRST_SITE_ID + 1)
    site_delete(site=second)
    assert site_create(account=account, domain="three.example").pk == FIRST_SITE_ID + 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("domain", ""), ("domain", "no spaces allowed"), ("timezone", "Mars/Olympus"), ("addresses", "sell"),
     ("cookies", True), ("respect_dnt", "yes"), ("retention_months", -1), ("retention_months", True),
     ("excluded_ips", ["300.1.1.1"]), ("excluded_ips", "192.0.2.1"), ("excluded_pages", ["admin"]),
     ("excluded_countries", ["Estonia"]), ("proxy_addresses", ["proxy.example"]), ("proxy_secret", "short"),
     ("proxy_secret", "with spaces and more"), ("tracker", {"timeout": 4}), ("tracker", [1]),
     ("tracker", {"unheard": 1}), ("tracker", {"hash_routes": 1}), ("tracker", {"untyped_log": "view"}),
     ("tracker", {"data_centres": True}), ("tracker", {"internal_search": "yes"}),
     ("allowed_hosts", ["*"]), ("nickname", "n" * 121), ("sitekey", "mine"),
     ("account", 3)],
)  # fmt: skip
def test_an_invalid_setting_is_rejected_by_name(site: Site, field: str, value: object) -> None:
    before = Site.objects.filter(pk=site.pk).values().get()
    with pytest.raises(ValidationError) as refusal:
        site_update(site=site, **{field: value})
    assert list(refusal.value.message_dict) == [field]
    assert Site.objects.filter(pk=site.pk).values().get() == before


def test_all_errors_are_reported_at_once(site: Site) -> None:
    with pytest.raises(ValidationError) as refusal:
        site_update(site=site, timezone="x", addresses="y", nickname="fine")
    assert set(refusal.value.message_dict) == {"timezone", "addresses"}


def test_exclusions_are_normalized_and_compiled(site: Site) -> None:
    site_update(
        site=site,
        excluded_ips=["192.0.2.77/24", " 2001:db8::1 ", "192.0.2.0/24"],
        excluded_pages=["/admin/*", "https://example.org/thanks", "*.pdf"],
        excluded_countries=["ee", "A1"],
    )
    assert site.excluded_ips == ["192.0.2.0/24", "2001:db8::1"]
    config = build_site_config(site)
    assert config.excluded_countries == {"EE", "A1"}
    excluded = {path: config.excludes_page(path) for path in ("/admin/x/y", "/admin", "/thanks", "/thanks/2", "/a.pdf")}
    assert excluded == {"/admin/x/y": True, "/admin": False, "/thanks": True, "/thanks/2": False, "/a.pdf": True}


def test_a_page_pattern_is_not_a_regular_expression(site: Site) -> None:
    site_update(site=site, excluded_pages=["/a.b(c"])
    assert build_site_config(site).excludes_page("/a.b(c")
    assert not build_site_config(site).excludes_page("/axb(c")


def test_the_forms_save_unchanged_what_they_show(inside: Client, site: Site) -> None:
    base = f"/sites/{site.pk}/settings"
    forms = {
        "general": {
            "domain": "new.example",
            "nickname": "New",
            "timezone": "Asia/Kathmandu",
            "allowed_hosts": "*a.example",
        },
        "privacy": {"addresses": "drop", "cookies": "consent", "retention_months": "12"},
        "tracker": {"hash_routes": "on", "untyped_log": "pageview"},
        "exclusions": {"excluded_ips": "192.0.2.1\r\n\r\n10.0.0.0/8", "excluded_pages": "/x/*"},
        "proxy": {"proxy_addresses": "203.0.113.5", "proxy_secret": "a-secret-of-mine"},
    }
    for slug, fields in forms.items():
        assert inside.post(f"{base}/{slug}", fields).status_code == 302, slug
        page = inside.get(f"{base}/{slug}").content.decode()
        for name, value in fields.items():
            assert (value.splitlines()[0] in page) == (name != "proxy_secret"), (slug, value)
    site.refresh_from_db()
    assert site.proxy_secret == "a-secret-of-mine"  # which no page shows again
    assert (site.respect_dnt, site.any_host) == (False, False)
    assert site.tracker["hash_routes"] is True and site.tracker["replace_state"] is False
    assert site.excluded_ips == ["192.0.2.1", "10.0.0.0/8"]


def test_the_settings_of_what_counts_have_a_page_of_their_own(inside: Client, site: Site) -> None:
    page = f"/sites/{site.pk}/settings/counting"
    site_update(site=site, tracker={"timeout": 60})
    assert "checked" not in inside.get(page).content.decode()
    assert inside.post(page, {"data_centres": "on", "internal_search": "on"}).status_code == 302
    site.refresh_from_db()
    assert site.tracker == {"timeout": 60, "data_centres": "count", "internal_search": True}
    assert inside.get(page).content.decode().count(" checked") == 2
    inside.post(page, {"data_centres": "", "internal_search": "on"})
    site.refresh_from_db()
    assert site.tracker == {"timeout": 60, "data_centres": "refuse", "internal_search": True}


def test_an_invalid_tracker_setting_is_reported_by_name(site: Site) -> None:
    with pytest.raises(ValidationError, match="data_centres: Must be one of: count, refuse"):
        site_update(site=site, tracker={"data_centres": "counts"})
    with pytest.raises(ValidationError, match="There is no setting 'data_centers'"):
        site_update(site=site, tracker={"data_centers": "count"})


def test_an_invalid_line_is_shown_with_the_reason_and_nothing_is_saved(inside: Client, site: Site) -> None:
    answer = inside.post(f"/sites/{site.pk}/settings/exclusions", {"excluded_ips": "192.0.2.1\nnonsense"})
    assert answer.status_code == 200
    assert "neither an address nor a network" in answer.content.decode()
    site.refresh_from_db()
    assert site.excluded_ips == []


def test_a_site_is_added_and_its_code_shown(inside: Client, account: Account) -> None:
    fields = {"account": account.pk, "domain": "https://shop.example/", "timezone": "Europe/Tallinn"}
    page = inside.post("/sites/new", fields, follow=True).content.decode()
    created = Site.objects.get(domain="shop.example")
    code = f'<script async data-id="{created.pk}" src="//testserver/js"></script>'
    assert code.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") in page
    assert f"//testserver/{created.pk}ns.gif" in page


def test_a_site_cannot_be_created_in_another_account(inside: Client, charlie: User) -> None:
    foreign = charlie.accounts.get()
    inside.post("/sites/new", {"account": foreign.pk, "domain": "x.example", "timezone": "UTC"})
    assert not Site.objects.filter(domain="x.example").exists()


def test_deleting_a_site_needs_its_domain_typed_and_hides_it(inside: Client, site: Site) -> None:
    path = f"/sites/{site.pk}/settings/delete"
    inside.post(path, {"domain": "exampel.com"})
    assert inside.get(f"/sites/{site.pk}/settings/general").status_code == 200
    inside.post(path, {"domain": site.domain})
    assert inside.get(f"/sites/{site.pk}/settings/general").status_code == 404
    assert Site.objects.get(pk=site.pk).deleted is not None


def test_the_home_page_opens_the_only_site_or_the_list(inside: Client, site: Site, account: Account) -> None:
    assert inside.get("/")["Location"] == f"/sites/{site.pk}/"
    site_create(account=account, domain="second.example")
    assert inside.get("/")["Location"] == "/sites"


def test_a_key_is_shown_once_and_can_be_revoked(inside: Client, site: Site) -> None:
    from sites import site_cache

    path = f"/sites/{site.pk}/settings/api-keys"
    page = inside.post(path, {"name": "Script", "can_read": "on"}).content.decode()
    plain = next(word for word in page.replace("<", " ").replace(">", " ").split() if word.startswith("ck_"))
    site_cache.refresh()
    assert require(site_cache.find_key(plain)).can_read and not require(site_cache.find_key(plain)).can_track
    assert plain not in inside.get(path).content.decode()
    inside.post(f"{path}/{site.api_keys.get(name='Script').pk}/revoke")
    site_cache.load_changes()
    assert site_cache.find_key(plain) is None


def test_a_guest_with_write_access_is_not_offered_to_delete_the_site(bob: User, site: Site, client: Client) -> None:
    bob.memberships.get().grants.update(right="write")
    client.force_login(bob)
    page = client.get(f"/sites/{site.pk}/settings/general")
    assert page.status_code == 200 and "Delete" not in page.content.decode()


def test_a_key_without_permissions_is_rejected(inside: Client, site: Site) -> None:
    before = site.api_keys.count()
    page = inside.post(f"/sites/{site.pk}/settings/api-keys", {"name": "x"}).content.decode()
    assert "allowed to read, to track, or both" in page
    assert site.api_keys.count() == before


def test_a_key_expires_at_the_end_of_the_day_in_the_sites_zone(inside: Client, site: Site) -> None:
    site_update(site=site, timezone="Asia/Kathmandu")
    fields = {"name": "Day", "can_read": "on", "expires": "2099-03-01"}
    inside.post(f"/sites/{site.pk}/settings/api-keys", fields)
    assert require(site.api_keys.get(name="Day").expires).isoformat().startswith("2099-03-01T18:14:59")


def test_a_provisioned_key_is_the_same_until_it_is_revoked(site: Site) -> None:
    first = api_key_provision(site=site)
    assert api_key_provision(site=site) == first
    assert site.api_keys.filter(name="provision").count() == 1
    api_key_revoke(key=site.api_keys.get(name="provision"))
    assert api_key_provision(site=site) != first


def test_the_tracker_form_keeps_the_settings_it_does_not_show(inside: Client, site: Site) -> None:
    site_update(site=site, tracker={"timeout": 45, "replace_state": True})
    page = inside.get(f"/sites/{site.pk}/settings/tracker").content.decode()
    assert re.search(r'<input[^>]*name="replace_state"[^>]*checked', page)
    assert not re.search(r'<input[^>]*name="hash_routes"[^>]*checked', page)
    inside.post(f"/sites/{site.pk}/settings/tracker", {"navigation_api": "on", "untyped_log": "click"})
    site.refresh_from_db()
    assert site.tracker == {
        "timeout": 45, "replace_state": False, "hash_routes": False, "navigation_api": True, "untyped_log": "click",
    }  # fmt: skip
