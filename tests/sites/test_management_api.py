"""The management API: sites, keys and members by session or authkey, and its errors."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Account, Invitation, Membership, User
from sites import site_cache
from sites.models import Site
from tests.support.types import Response
from tests.values import require


@pytest.fixture
def api(account: Account) -> Client:
    return Client(headers={"Authorization": f"Bearer {account.authkey}"})


def send(client: Client, method: str, path: str, data: object = None) -> Any:
    return getattr(client, method)(f"/api/v1/{path}", data, content_type="application/json")


def error(answer: Response) -> dict[str, Any]:
    assert set(answer.json()) == {"error"}
    result: dict[str, Any] = answer.json()["error"]
    return result


def test_a_site_is_created_changed_and_deleted(api: Client, account: Account) -> None:
    created = send(api, "post", "sites", {"domain": "https://New.example/", "timezone": "Europe/Tallinn"})
    assert created.status_code == 201
    number = created.json()["id"]
    assert created.json()["domain"] == "new.example" and created.json()["account"] == account.pk
    changed = send(api, "patch", f"sites/{number}", {"addresses": "drop", "excluded_ips": ["192.0.2.9/24"]})
    assert changed.json()["excluded_ips"] == ["192.0.2.0/24"]
    assert send(api, "get", f"sites/{number}").json() == changed.json()
    site_cache.refresh()
    assert require(site_cache.get_site(number)).addresses == "drop"
    assert send(api, "delete", f"sites/{number}").status_code == 204
    assert send(api, "get", f"sites/{number}").status_code == 404
    site_cache.load_changes()
    assert site_cache.get_site(number) is None


def test_a_new_site_gets_the_accounts_time_zone(api: Client, account: Account) -> None:
    account.timezone = "Asia/Kathmandu"
    account.save()
    assert send(api, "post", "sites", {"domain": "x.example"}).json()["timezone"] == "Asia/Kathmandu"


def test_errors_are_reported_by_field_in_one_shape(api: Client, site: Site) -> None:
    answer = send(api, "patch", f"sites/{site.pk}", {"timezone": "Mars", "excluded_ips": ["x"]})
    assert answer.status_code == 400
    problem = error(answer)
    assert problem["code"] == "invalid"
    assert set(problem["fields"]) == {"timezone", "excluded_ips"}
    assert error(send(api, "post", "sites", {}))["fields"]["domain"]


def test_malformed_requests_are_reported_in_the_same_shape(api: Client, site: Site) -> None:
    broken = api.post("/api/v1/sites", "{", content_type="application/json")
    assert broken.status_code == 400 and "JSON" in error(broken)["message"]
    assert error(send(api, "put", f"sites/{site.pk}", {}))["code"] == "method_not_allowed"
    assert error(send(api, "get", "sites?limit=-1"))["fields"] == {"limit": ["Must be a whole number of 0 or more."]}
    listed = api.post("/api/v1/sites", "[1]", content_type="application/json")
    assert listed.status_code == 400 and error(listed)


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer ", "bearer \u00e9"])
def test_a_wrong_key_and_a_missing_key_have_different_errors(db: None, header: str) -> None:
    answer = Client(headers={"Authorization": header}).get("/api/v1/sites")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert "unknown" in error(answer)["message"]
    assert "Log in" in error(Client().get("/api/v1/sites"))["message"]


def test_a_session_needs_a_csrf_token_to_write(alice: User, site: Site) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert send(strict, "patch", f"sites/{site.pk}", {"nickname": "x"}).status_code == 403
    assert strict.get("/api/v1/sites").status_code == 200


def test_lists_are_paged_and_counted(api: Client, site: Site) -> None:
    for number in range(4):
        send(api, "post", "sites", {"domain": f"s{number}.example"})
    page = send(api, "get", "sites?limit=2&offset=2").json()
    assert page["count"] == 5
    assert [row["domain"] for row in page["results"]] == ["s1.example", "s2.example"]


def test_only_editors_see_a_sites_keys(api: Client, site: Site, bob: User) -> None:
    assert send(api, "get", f"sites/{site.pk}").json()["sitekey"] == site.sitekey
    guest = Client()
    guest.force_login(bob)
    shown = guest.get(f"/api/v1/sites/{site.pk}").json()
    assert shown["domain"] == site.domain
    assert not {"sitekey", "sitekey_admin", "proxy_secret"} & set(shown)


def test_a_key_is_created_used_listed_without_its_secret_and_revoked(api: Client, site: Site) -> None:
    created = send(api, "post", f"sites/{site.pk}/keys", {"name": "Reader", "can_track": False}).json()
    plain = created["api_key"]
    site_cache.refresh()
    assert require(site_cache.find_key(plain)).can_read and not require(site_cache.find_key(plain)).can_track
    listed = send(api, "get", f"sites/{site.pk}/keys").json()
    assert plain not in repr(listed) and listed["results"][0]["prefix"] == plain[:10]
    assert send(api, "delete", f"sites/{site.pk}/keys/{created['id']}").status_code == 204
    site_cache.load_changes()
    assert site_cache.find_key(plain) is None
    assert send(api, "delete", f"sites/{site.pk}/keys/{created['id']}").status_code == 404


def test_rotating_gives_new_site_keys(api: Client, site: Site) -> None:
    fresh = send(api, "post", f"sites/{site.pk}/keys/rotate").json()
    assert fresh["sitekey"] != site.sitekey
    site.refresh_from_db()
    assert (fresh["sitekey"], fresh["sitekey_admin"]) == (site.sitekey, site.sitekey_admin)


def test_members_are_invited_changed_and_removed(api: Client, account: Account, bob: User, site: Site) -> None:
    grants = [{"kind": "site", "id": site.pk, "right": "read"}]
    created = send(api, "post", "members", {"email": "Zoe@example.org", "role": "guest", "grants": grants})
    assert created.status_code == 201
    assert created.json() == {"email": "zoe@example.org", "role": "guest", "link": "", "mailed": True}
    assert Invitation.objects.get().role == "guest"
    guest = Membership.objects.get(user=bob)
    path = f"members/{guest.pk}"
    assert send(api, "get", path).json()["grants"] == grants
    changed = send(api, "patch", path, {"grants": [{"kind": "site", "id": site.pk, "right": "write"}]}).json()
    assert changed["grants"][0]["right"] == "write"
    assert (
        "There is no site"
        in error(send(api, "patch", path, {"grants": [{"kind": "site", "id": 1, "right": "read"}]}))["message"]
    )
    assert send(api, "patch", path, {"role": "viewer"}).json()["role"] == "viewer"
    assert send(api, "delete", path).status_code == 204
    assert not Membership.objects.filter(pk=guest.pk).exists()


def test_a_members_own_key_has_the_members_permissions(account: Account, bob: User, site: Site) -> None:
    guest = Membership.objects.get(user=bob)
    client = Client(headers={"Authorization": f"Bearer {guest.authkey}"})
    assert client.get("/api/v1/me").json()["role"] == "guest"
    assert client.get(f"/api/v1/sites/{site.pk}").status_code == 200
    assert send(client, "patch", f"sites/{site.pk}", {"nickname": "x"}).status_code == 404
    assert send(client, "post", "sites", {"domain": "x.example"}).status_code == 404


def test_the_account_is_shown_and_changed(api: Client, account: Account) -> None:
    shown = send(api, "get", "me").json()
    assert shown["account"]["id"] == account.pk and shown["email"] is None and shown["role"] == "admin"
    changed = send(api, "patch", "account", {"name": "New", "monthly_events": 5, "over_quota": True}).json()
    assert (changed["name"], changed["monthly_events"], changed["over_quota"]) == ("New", 0, False)


def test_tracker_settings_are_set_and_validated_by_name(api: Client, site: Site) -> None:
    chosen = {"hash_routes": True, "replace_state": False, "navigation_api": True, "untyped_log": "pageview"}
    assert send(api, "patch", f"sites/{site.pk}", {"tracker": chosen}).json()["tracker"] == chosen
    for wrong, sentence in (
        ({"hash_routes": "yes"}, "hash_routes: Must be true or false."),
        ({"untyped_log": "view"}, "untyped_log: Must be one of: click, pageview."),
        ({"timeout": 4}, "timeout: Must be a whole number from 5 to 240."),
    ):
        refused = send(api, "patch", f"sites/{site.pk}", {"tracker": wrong})
        assert refused.status_code == 400 and error(refused)["fields"] == {"tracker": [sentence]}
    assert send(api, "get", f"sites/{site.pk}").json()["tracker"] == chosen
