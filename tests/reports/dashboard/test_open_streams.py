"""The live views of a process that are open: what does not count as one, and how their viewers' access is checked."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory

from accounts.models import Account, User
from sites.models import Site
from sites.selectors import get_site_for_actor
from tests.conftest import member
from tests.support.live_views import let_checks_be_due
from tracking import live_streams
from tracking.live_streams import LiveStream, create_viewer, open_streams


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    assert len(open_streams) == 0


@pytest.fixture
def stream(rf: RequestFactory, alice: User, site: Site) -> Callable[[User], LiveStream[Site]]:
    """A stream of a user's, as the view makes it."""

    def made(user: User) -> LiveStream[Site]:
        client = Client()
        client.force_login(user)
        request = rf.get("/")
        request.session = client.session
        viewer = create_viewer(request, user, site.account)
        found: LiveStream[Site] = LiveStream(
            viewer,
            site.pk,
            site,
            view="spy",
            read_scope=lambda bearer: get_site_for_actor(bearer, site.pk),
            format_event=lambda *_: b"",
        )
        open_streams.add(found)
        return found

    return made


@pytest.mark.django_db(transaction=True)
def test_a_stream_that_was_never_read_is_not_counted(stream: Callable[[User], Any], alice: User) -> None:
    response = StreamingHttpResponse(stream(alice))
    assert len(open_streams) == 1
    response.close()
    assert len(open_streams) == 0
    stream(alice)
    gc.collect()
    assert len(open_streams) == 0, "nor one that was dropped on the way"


@pytest.mark.django_db(transaction=True)
def test_a_stream_whose_client_left_before_it_began_frees_its_slot(
    stream: Callable[[User], Any], account: Account, alice: User
) -> None:
    account.limits = {"streams_per_user": 1}
    account.save()
    lost = stream(alice)  # nothing closes it, and something may hold it for long
    with pytest.raises(live_streams.TooManyStreams):
        stream(alice)
    lost.created_at -= live_streams.START_SECONDS + 1
    stream(alice)


@pytest.mark.parametrize("count", [1, 8])
def test_one_check_covers_all_streams(
    count: int, stream: Callable[[User], Any], account: Account, django_assert_num_queries: Any
) -> None:
    kept = [stream(member(account, f"viewer{number}", "viewer")) for number in range(count)]
    with django_assert_num_queries(0):
        open_streams.check()
    let_checks_be_due()
    with django_assert_num_queries(3 + count):  # of sessions, members and agencies, and of each scope
        open_streams.check()
    with django_assert_num_queries(0):
        open_streams.check()
    assert all(one.scope is not None for one in kept)


@pytest.mark.django_db(transaction=True)
def test_what_a_viewer_may_see_is_read_once_for_all_streams_of_a_view(
    stream: Callable[[User], LiveStream[Site]], site: Site, alice: User, django_assert_num_queries: Any
) -> None:
    kept = [stream(alice)]
    for _ in range(5):
        kept.append(
            LiveStream(
                kept[0].viewer,
                site.pk,
                site,
                view="spy",
                read_scope=kept[0].read_scope,
                format_event=lambda *_: b"",
            )
        )
        open_streams.add(kept[-1])
    let_checks_be_due()
    with django_assert_num_queries(3):  # of sessions, members, and the scope
        open_streams.check()
    assert all(one.scope is not None for one in kept)
    site.delete()
    let_checks_be_due()
    open_streams.check()
    assert all(one.scope is None for one in kept)
