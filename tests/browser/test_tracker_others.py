"""Third-party content: YouTube's player and forms of WordPress plugins, imitated by stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, Route

from tests.browser.servers import Beacon, Pages, Recorder
from tests.browser.tracked_page import show, wait_for_part

JQUERY = (Path(__file__).parent / "vendor" / "jquery.min.js").read_text()
VIDEO = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
# The player's side of YouTube's iframe protocol: silent until a "listening" message came, then JSON in text messages
PLAYER = """<script>
let heard = 0;
const tell = (event, info) => heard && parent.postMessage(JSON.stringify({event, info, id: 1, channel: 'widget'}), '*');
addEventListener('message', message => {
  const said = JSON.parse(message.data);
  if (said.event != 'listening' || heard) return;
  heard = 1;
  tell('initialDelivery', {playerState: 5, currentTime: 0, videoData: {title: 'A film', video_id: 'dQw4w9WgXcQ'}});
});
</script>"""
HTML = {"content-type": "text/html"}


def player(page: Page, pages: Pages, recorder: Recorder, *, host: str = "www.youtube.com") -> Frame:
    """A page with a player in it, which the tracker's part has greeted."""
    page.route("https://www.youtube*/**", lambda route: route.fulfill(body=PLAYER, headers=HTML))
    source = f"https://{host}/embed/dQw4w9WgXcQ?enablejsapi=1"
    show(page, pages, recorder, f'<iframe id="yt" title="Frame" src="{source}"></iframe>')
    recorder.wait("pageview")
    frame = page.frame(url="**/embed/**")
    assert frame is not None
    return frame


def say(frame: Frame, state: int, at: float) -> None:
    frame.evaluate(f"tell('infoDelivery', {{playerState: {state}, currentTime: {at}}})")


def actions(beacons: list[Beacon]) -> list[tuple[str, str]]:
    return [(one["video[action]"], one["video[time]"]) for one in beacons]


@pytest.mark.parametrize("host", ["www.youtube.com", "www.youtube-nocookie.com"])
def test_a_youtube_player_sends_play_pause_seek_and_end(
    page: Page, pages: Pages, recorder: Recorder, host: str
) -> None:
    recorder.switches["media"] = 1
    frame = player(page, pages, recorder, host=host)
    frame.wait_for_function("heard")
    say(frame, 1, 0.4)
    first = recorder.wait("video")[0]
    assert (first["href"], first["title"]) == (VIDEO, "A film")
    say(frame, 2, 2)
    assert actions(recorder.wait("video", 2)) == [("play", "0"), ("pause", "2")]
    say(frame, 1, 2)
    recorder.wait("video", 3)
    frame.evaluate("tell('infoDelivery', {currentTime: 90})")
    recorder.wait("video", 4)
    say(frame, 0, 92)
    assert actions(recorder.wait("video", 5))[2:] == [("play", "2"), ("seek", "90"), ("end", "92")]


def test_messages_that_imitate_youtube_are_ignored(page: Page, pages: Pages, recorder: Recorder) -> None:
    recorder.switches["media"] = 1
    player(page, pages, recorder).wait_for_function("heard")
    said = """{"event":"infoDelivery","info":{"playerState":1,"currentTime":3}}"""
    page.evaluate("said => postMessage(said, '*')", said)
    pages.html["/other"] = f"<script>parent.postMessage({said!r}, '*')</script>"
    page.evaluate("url => document.body.append(Object.assign(document.createElement('iframe'), {src: url}))", "/other")
    recorder.settle(0.5)
    assert recorder.of("video") == []


def test_players_are_not_contacted_unless_the_site_enables_media(page: Page, pages: Pages, recorder: Recorder) -> None:
    frame = player(page, pages, recorder)
    recorder.settle(0.5)
    assert frame.evaluate("heard") == 0 and "media" not in recorder.scripts


def wordpress(page: Page, pages: Pages, recorder: Recorder, form: str) -> None:
    """A page with jQuery and a plugin's form, whose script takes the submission over."""
    page.route("**/jquery.js", lambda route: answer_jquery(route))
    show(page, pages, recorder, f'<script src="/jquery.js"></script>{form}')
    recorder.wait("pageview")
    page.wait_for_function("window.jQuery")
    page.focus("button")
    wait_for_part(page, "form")


def answer_jquery(route: Route) -> None:
    route.fulfill(body=JQUERY, headers={"content-type": "text/javascript"})


WPFORMS = (
    '<form class="wpforms-ajax-form" id="wpforms-form-42" aria-label="Quote" onsubmit="return false">'
    '<input name="secret" value="hush"><button>Send</button></form>'
)
GRAVITY = (
    '<form id="gform_7" target="gform_ajax_frame_7" onsubmit="return false">'
    '<input name="secret" value="hush"><button>Send</button></form>'
)


@pytest.mark.parametrize(
    ("form", "taken", "name", "number", "plugin"),
    [
        (WPFORMS, "jQuery('form').trigger('wpformsAjaxSubmitSuccess', [{}])", "Quote", "wpforms-form-42", "WPForms"),
        (GRAVITY, "jQuery(document).trigger('gform_confirmation_loaded', [7])", "", "7", "Gravity Forms"),
    ],
    ids=["WPForms", "Gravity Forms"],
)
def test_a_wordpress_form_counts_once_after_the_server_accepted_it(
    page: Page, pages: Pages, recorder: Recorder, form: str, taken: str, name: str, number: str, plugin: str
) -> None:
    wordpress(page, pages, recorder, form)
    page.click("button")
    recorder.settle(0.4)
    assert recorder.of("form") == [], "sent is not yet taken"
    page.evaluate(taken)
    (told,) = recorder.wait("form")
    assert (told["name"], told["prop[id]"], told["prop[plugin]"]) == (name, number, plugin)
    assert not any("hush" in value for _, value in told.params)
