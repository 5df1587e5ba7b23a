"""Generated traffic: events made in the database itself, by INSERT SELECT from numbers().

90 days up to LAST; one large site with 80 % and 200 small ones; visitors = events / 6, who come back; visits of three
events; 20,000 pages and 3,000 cities by Zipf's law, 40 sources, 100 countries. The same number gives the same events.
"""

from __future__ import annotations

from datetime import UTC, datetime

from reports.query.vocabulary import load_country_names
from tracking import store

LAST = datetime(2026, 6, 30, tzinfo=UTC)  # midnight; the 90 days end here
DAYS = 90
LARGE, SMALL = 101_000_001, 101_000_002
BLOCK = 1_000_000
PAGES, SOURCES, COUNTRIES, CITIES = 20_000, 40, 100, 3_000
COUNTRY_CODES = ["DE", *sorted(set(load_country_names()) - {"DE"})][:COUNTRIES]  # the first has most visits


def chance(salt: int, number: str = "visit") -> str:
    """SQL: a number from 0 to 1 that depends on `number` alone."""
    return f"(sipHash64({salt}, {number}) / 18446744073709551616.0)"


def zipf(salt: int, most: int, number: str = "visit") -> str:
    """SQL: 1 … most, k about 1/k as often as 1."""
    return f"toUInt32(floor(exp({chance(salt, number)} * log({most}))))"


def load(events: int) -> None:
    """Fill the (empty) store. Events come in the order of time, as they would."""
    for begin in range(0, events, BLOCK):
        store.execute(block(begin, min(begin + BLOCK, events), events), settings={"max_insert_block_size": BLOCK})


def block(begin: int, end: int, events: int) -> str:
    start = int(LAST.timestamp()) - DAYS * 86400
    seconds = f"({start} + (visit / {events / 3}) * {DAYS * 86400 - 3600} + {chance(1)} * 3000)"
    return f"""
INSERT INTO events (site_id, ts, id, kind, device, visit, visit_start, view_id, host, path, title, name, referrer,
    referrer_domain, source, channel, utm_campaign, country, region, city, language, device_type, browser,
    browser_version, os, screen, engaged, scroll, revenue, currency, props)
SELECT
    if({chance(2, "device")} < 0.8, {LARGE}, {SMALL} + sipHash64(3, device) % 200) AS site_id,
    fromUnixTimestamp64Milli(toInt64(({seconds} + step * 25) * 1000), 'UTC') AS ts,
    number + 1 AS id,
    multiIf(step < 2, 'view', {chance(4)} < 0.15, 'event', {chance(4)} < 0.55, 'ping', 'view') AS kind,
    1 + sipHash64(5, visit) % {max(1, events // 6)} AS device,
    1 + intDiv(number, 3) AS visit,
    fromUnixTimestamp64Milli(toInt64({seconds} * 1000), 'UTC') AS visit_start,
    if(kind = 'view', id, id - 1) AS view_id,
    'example.com' AS host,
    concat('/page/', toString({zipf(6, PAGES, "number - (kind = 'ping')")})) AS path,
    concat('Page ', substring(path, 7)) AS title,
    if(kind = 'event', ['Signup', 'Download', 'Play'][1 + sipHash64(7, visit) % 3], '') AS name,
    if({chance(8)} < 0.5, '', concat('https://', referrer_domain, '/')) AS referrer,
    if({chance(8)} < 0.5, '', concat('s', toString({zipf(9, SOURCES)}), '.com')) AS referrer_domain,
    if({chance(8)} < 0.5, '', concat('Source ', toString({zipf(9, SOURCES)}))) AS source,
    if(source = '', 'Direct', ['Organic Search', 'Social', 'Referral', 'Email'][1 + sipHash64(source) % 4]) AS channel,
    if({chance(10)} < 0.1, ['spring', 'summer', 'launch'][1 + sipHash64(11, visit) % 3], '') AS utm_campaign,
    {COUNTRY_CODES}[place] AS country,
    concat('Region ', toString(town % 300)) AS region,
    concat('City ', toString(town)) AS city,
    ['en-US', 'de-DE', 'et-EE', 'hi-IN'][1 + sipHash64(12, device) % 4] AS language,
    ['Desktop', 'Mobile', 'Tablet'][1 + sipHash64(13, device) % 3] AS device_type,
    ['Chrome', 'Safari', 'Firefox', 'Edge'][1 + sipHash64(14, device) % 4] AS browser,
    toString(120 + sipHash64(15, device) % 20) AS browser_version,
    ['Windows', 'Android', 'iOS', 'macOS', 'Linux'][1 + sipHash64(16, device) % 5] AS os,
    ['1920x1080', '390x844', '1440x900'][1 + sipHash64(17, device) % 3] AS screen,
    if(kind = 'ping', 5000 + sipHash64(18, visit) % 60000, 0) AS engaged,
    if(kind = 'ping', sipHash64(19, visit) % 101, 0) AS scroll,
    if(name = 'Signup' AND {chance(20)} < 0.3, 49.9, 0) AS revenue,
    if(revenue > 0, 'EUR', '') AS currency,
    if(kind = 'event', map('plan', ['free', 'pro', 'team'][1 + sipHash64(21, visit) % 3]), map()) AS props
FROM (SELECT number, intDiv(number, 3) AS visit, number % 3 AS step,
    {zipf(22, COUNTRIES, "1 + sipHash64(5, intDiv(number, 3)) % " + str(max(1, events // 6)))} AS place,
    {zipf(23, CITIES, "1 + sipHash64(5, intDiv(number, 3)) % " + str(max(1, events // 6)))} AS town
    FROM numbers({begin}, {end - begin}))"""
