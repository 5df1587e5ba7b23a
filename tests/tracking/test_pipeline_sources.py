"""Referrers, campaigns and click ids become a source and one of the channels."""

from collections.abc import Iterator

import pytest

from tests.support.hits import process_hit, reset_state
from tracking.pipeline.source import (
    CHANNEL_RULES,
    CHANNELS,
    CHANNELS_BY_MEDIUM,
    ORGANIC_CHANNELS,
    PAID_CHANNELS,
    SOURCES_BY_DOMAIN,
)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    reset_state()
    yield
    reset_state()


@pytest.mark.parametrize(
    ("referrer", "source", "channel"),
    [
        ("", None, "Direct"),
        ("https://www.google.com/", "Google", "Organic Search"),
        ("https://www.google.co.uk/search?q=a", "Google", "Organic Search"),
        ("https://google.evil.com/", "google.evil.com", "Referral"),
        ("https://duckduckgo.com/", "DuckDuckGo", "Organic Search"),
        ("https://search.brave.com/", "Brave Search", "Organic Search"),
        ("https://chatgpt.com/", "ChatGPT", "AI Assistants"),
        ("https://gemini.google.com/app", "Gemini", "AI Assistants"),
        ("https://www.perplexity.ai/search", "Perplexity", "AI Assistants"),
        ("https://t.co/abc", "X", "Organic Social"),
        ("https://l.facebook.com/l.php?u=x", "Facebook", "Organic Social"),
        ("https://m.youtube.com/", "YouTube", "Organic Video"),
        ("https://mail.google.com/mail/u/0/", "Gmail", "Email"),
        ("android-app://com.google.android.gm/", "Gmail", "Email"),
        ("https://www.amazon.de/dp/1", "Amazon", "Organic Shopping"),
        ("https://blog.friend.org/post", "blog.friend.org", "Referral"),
        ("https://www.example.com/other", None, "Direct"),
        ("https://shop.example.com/", None, "Direct"),
        ("https://accounts.google.com/", "accounts.google.com", "Referral"),
        ("https://docs.google.com/document/d/1", "docs.google.com", "Referral"),
        ("https://classroom.google.com/", "classroom.google.com", "Referral"),
        ("https://news.google.com/", "news.google.com", "Referral"),
        ("https://translate.google.com/", "Google Translate", "Referral"),
        ("https://example-com.translate.goog/", "Google Translate", "Referral"),
        ("https://lens.google.com/", "Google", "Organic Search"),
        ("https://images.google.co.uk/", "Google", "Organic Search"),
        ("https://aws.amazon.com/", "aws.amazon.com", "Referral"),
        ("https://smile.amazon.com/", "Amazon", "Organic Shopping"),
        ("https://finance.yahoo.com/", "finance.yahoo.com", "Referral"),
        ("https://fr.search.yahoo.com/", "Yahoo", "Organic Search"),
        ("https://pan.baidu.com/", "pan.baidu.com", "Referral"),
        ("https://tieba.baidu.com/", "tieba.baidu.com", "Referral"),
        ("https://m.baidu.com/", "Baidu", "Organic Search"),
        ("https://disk.yandex.ru/", "disk.yandex.ru", "Referral"),
        ("https://m.search.naver.com/", "Naver", "Organic Search"),
        ("https://blog.naver.com/a", "blog.naver.com", "Referral"),
        ("android-app://com.pinterest/", "Pinterest", "Organic Social"),
        ("android-app://com.twitter.android/", "X", "Organic Social"),
        ("android-app://com.zhiliaoapp.musically/", "TikTok", "Organic Video"),
        ("android-app://com.google.android.googlequicksearchbox/", "Google", "Organic Search"),
        ("ios-app://389801252/instagram", "Instagram", "Organic Social"),
        ("https://statics.teams.cdn.office.net/", "Microsoft Teams", "Organic Social"),
        ("https://eur01.safelinks.protection.outlook.com/?url=x", "Outlook", "Email"),
        ("https://xn--bcher-kva.example/", "bücher.example", "Referral"),
    ],
)
def test_a_referrer_has_a_name_and_a_channel(referrer: str, source: str | None, channel: str) -> None:
    stored = process_hit(referrer=referrer)
    assert (stored.get("source"), stored["channel"]) == (source, channel)


@pytest.mark.parametrize(
    ("query", "source", "channel"),
    [
        ("utm_source=google&utm_medium=cpc", "Google", "Paid Search"),
        ("utm_source=google&utm_medium=cpc&utm_campaign=shopping-de", "Google", "Paid Shopping"),
        ("utm_source=facebook&utm_medium=paid-social", "Facebook", "Paid Social"),
        ("utm_source=youtube&utm_medium=cpv", "YouTube", "Paid Video"),
        ("utm_source=someone&utm_medium=cpc", "someone", "Paid Other"),
        ("utm_source=network&utm_medium=banner", "network", "Display"),
        ("utm_source=network&utm_medium=cpm", "network", "Display"),
        ("utm_source=news&utm_medium=email", "news", "Email"),
        ("utm_source=newsletter", "newsletter", "Email"),
        ("utm_source=partner&utm_medium=affiliate", "partner", "Affiliates"),
        ("utm_source=show&utm_medium=podcast", "show", "Audio"),
        ("utm_source=x1&utm_medium=sms", "x1", "SMS"),
        ("utm_source=x1&utm_medium=push", "x1", "Mobile Push Notifications"),
        ("utm_source=a&utm_campaign=cross-network", "a", "Cross-network"),
        ("utm_source=linkedin&utm_medium=social", "LinkedIn", "Organic Social"),
        ("utm_source=chatgpt.com", "ChatGPT", "AI Assistants"),
        ("utm_source=a&utm_medium=referral", "a", "Referral"),
        ("gclid=1", "Google", "Paid Search"),
        ("msclkid=1", "Bing", "Paid Search"),
        ("ttclid=1", "TikTok", "Paid Video"),
        ("fbclid=1", None, "Direct"),
        ("ref=producthunt", "Product Hunt", "Organic Social"),
        ("source=hn", "Hacker News", "Organic Social"),
        ("via=Anna", "anna", "Referral"),
        ("ref=hn&utm_source=news", "news", "Referral"),
        ("utm_source=News&utm_medium=Email", "news", "Email"),
        ("utm_source=Newsletter", "newsletter", "Email"),
        ("utm_source=news&amp;utm_medium=email", "news", "Email"),
        ("utm_source=news&amp%3Butm_medium=email", "news", "Email"),
        ("x=1?utm_source=news&utm_medium=email", "news", "Email"),
        ("?utm_source=news&utm_medium=email", "news", "Email"),
        ("sa=t&source=gmail&ust=1700000", None, "Direct"),
    ],
)
def test_a_campaign_determines_source_and_channel(query: str, source: str | None, channel: str) -> None:
    stored = process_hit(f"/?{query}")
    assert (stored.get("source"), stored["channel"]) == (source, channel)


def test_a_paid_click_from_a_search_engine_is_not_organic() -> None:
    assert process_hit("/?gclid=1", referrer="https://www.google.com/")["channel"] == "Paid Search"


def test_every_rule_gives_one_of_nineteen_channels() -> None:
    assert len(CHANNELS) == len(set(CHANNELS)) == 19
    used = {
        *CHANNELS_BY_MEDIUM.values(),
        *PAID_CHANNELS.values(),
        *ORGANIC_CHANNELS.values(),
        "Paid Other",
        "Cross-network",
        "Direct",
    }
    assert used <= set(CHANNELS)
    assert set(CHANNELS_BY_MEDIUM) == set(CHANNEL_RULES["mediums"]) and len(SOURCES_BY_DOMAIN) > 150


def test_search_terms_are_stored_where_the_engine_sends_them() -> None:
    stored = process_hit(referrer="https://www.bing.com/search?q=filter+coffee&form=X&msclkid=9")
    assert stored["search_term"] == "filter coffee"
    assert stored["referrer"] == "https://www.bing.com/search?q=filter+coffee&form=X"
    assert stored["referrer_domain"] == "bing.com"
