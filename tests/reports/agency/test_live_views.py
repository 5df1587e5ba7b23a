"""Live views of a client's site: an agency's people watch as long as they have their role, and nothing is locked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client, RequestFactory

from accounts.clients.models import ClientAccount
from accounts.models import Account, Membership, Role, User
from accounts.services.clients import client_create
from accounts.sso.rules import SSO_ACCOUNT
from sites.models import Site
from sites.selectors import get_site_for_actor
from sites.services import site_create
from tests.conftest import member
from tracking import live_streams
from tracking.live_streams import LiveStream, create_viewer, open_streams

pytestmark = pytest.mark.django_db
Open = Callable[[User], LiveStream[Site]]


@pytest.fixture
def client(account: Account, alice: User) -> ClientAccount:
    """A client of alice's agency."""
    return client_create(agency=account, name="Zoo")


@pytest.fixture
def watch(rf: RequestFactory, client: ClientAccount) -> Iterator[Open]:
    """Opens a stream of the client's site, as the view makes it."""
    zoo = site_create(account=client.account, domain="zoo.example")
    streams: list[LiveStream[Site]] = []

    def watch(user: User) -> LiveStream[Site]:
        browser = Client()
        browser.force_login(user)
        request = rf.get("/")
        request.session = browser.session
        streams.append(
            LiveStream(
                create_viewer(request, user, client.account),
                zoo.pk,
                zoo,
                view="spy",
                read_scope=lambda bearer: get_site_for_actor(bearer, zoo.pk),
                format_event=lambda *_: b"",
            )
        )
        open_streams.add(streams[-1])
        return streams[-1]

    yield watch
    for stream in streams:
        stream.close()


def check(stream: LiveStream[Site]) -> bool:
    """Whether the stream goes on when it is checked the next time."""
    stream.checked_at -= live_streams.CHECK_SECONDS
    open_streams.check()
    return stream.scope is not None


def test_the_agencys_people_watch_as_long_as_they_have_their_role(alice: User, watch: Open) -> None:
    stream = watch(alice)
    assert check(stream)
    Membership.objects.filter(user=alice).update(role=Role.EDITOR)
    assert not check(stream)


def test_a_released_client_is_watched_no_longer(alice: User, client: ClientAccount, watch: Open) -> None:
    stream = watch(alice)
    client.delete()
    assert not check(stream)


def test_a_member_of_the_client_is_watching_by_what_they_are_there(client: ClientAccount, watch: Open) -> None:
    assert check(watch(member(client.account, "victor", Role.VIEWER)))


@pytest.mark.parametrize("locked", ["agency", "client"])
def test_an_account_that_requires_a_second_factor_ends_the_view(
    account: Account, alice: User, client: ClientAccount, watch: Open, locked: str
) -> None:
    stream = watch(alice)
    demanding = account if locked == "agency" else client.account
    Account.objects.filter(pk=demanding.pk).update(second_factor_required=True)
    assert not check(stream)


def test_the_agencys_provider_counts_as_its_second_factor(account: Account, alice: User, watch: Open) -> None:
    Account.objects.filter(pk=account.pk).update(second_factor_required=True)
    setattr(alice, SSO_ACCOUNT, account.pk)
    assert check(watch(alice))
