"""Serializers of what is no row of a table: references, aggregates, reports, hits, the account, its plan, rights."""

from __future__ import annotations

from rest_framework import serializers

from links.clickmeter.fields import AmountField, FlagField, NumberField, SwitchField, TextField, TimeField
from links.clickmeter.lenient_serializer import ObjectSerializer
from links.clickmeter.serializers import DatapointSummarySerializer


class LinkReferenceSerializer(ObjectSerializer):
    """The id of a row, and where it is found."""

    always_written = frozenset({"id", "uri"})

    id = NumberField()
    uri = TextField()


class RowCountSerializer(ObjectSerializer):
    always_written = frozenset({"count"})

    count = NumberField()


class AggregateSerializer(ObjectSerializer):
    """Counts of a time frame, of all or of one entity; zeros and what is hidden from a guest are left out."""

    entityId = TextField()
    entityData = serializers.DictField()
    activityDay = TextField()
    fromDay = TextField()
    toDay = TextField()
    totalClicks = NumberField(source="clicks")
    uniqueClicks = NumberField(source="unique_clicks")
    totalViews = NumberField(source="pixel_views")
    uniqueViews = NumberField(source="unique_pixel_views")
    spiderHitsCount = NumberField(source="spider_hits")
    convertedClicks = NumberField(source="converted_clicks")
    uniqueConversions = NumberField(source="unique_link_conversions")
    conversionsValue = AmountField(source="conversion_value")
    conversionsCost = AmountField(source="click_cost")
    commissionsCost = AmountField(source="commission_cost")
    lastHitDate = TimeField(source="last_hit")


class AggregateListSerializer(ObjectSerializer):
    always_written = frozenset({"rows"})

    rows = AggregateSerializer(many=True)


class HourlyAggregateSerializer(AggregateSerializer):
    hourlyBreakDown = serializers.DictField(child=AggregateSerializer())


class AggregatePageSerializer(ObjectSerializer):
    always_written = frozenset({"count", "limit", "offset", "result"})

    count = NumberField()
    limit = NumberField()
    offset = NumberField()
    result = AggregateSerializer(many=True)


class TopItemSerializer(ObjectSerializer):
    always_written = frozenset({"id"})

    id = TextField()
    entityData = serializers.DictField()
    totalClicks = NumberField(source="clicks")
    uniqueClicks = NumberField(source="unique_clicks")
    totalViews = NumberField(source="pixel_views")
    uniqueViews = NumberField(source="unique_pixel_views")
    totalConversions = NumberField(source="converted_clicks")
    totalConversionsValue = AmountField(source="conversion_value")
    totalConversionsCost = AmountField(source="click_cost")
    totalCommissionsCost = AmountField(source="commission_cost")
    lastHitDate = TimeField(source="last_hit")
    totalHits = NumberField(source="hits")
    uniqueHits = NumberField(source="unique_hits")
    spiderHits = NumberField(source="spider_hits")


class TopReportSerializer(ObjectSerializer):
    always_written = frozenset({"key", "createdAt", "data"})

    key = TextField()
    createdAt = TimeField()
    data = TopItemSerializer(many=True)  # type: ignore[assignment]


class HitConversionSerializer(ObjectSerializer):
    """A conversion that a hit led to."""

    always_written = frozenset({"id", "name", "date", "accessTime", "value", "comcost"})

    id = NumberField(source="conversion_id")
    name = TextField(source="conversion_name")
    date = TimeField(source="ts")
    accessTime = TimeField(source="ts")
    value = AmountField()
    comcost = AmountField()
    parameter = TextField()


class BrowserSerializer(ObjectSerializer):
    name = TextField(source="browser_name")
    familyName = TextField(source="browser")
    browserType = TextField(source="browser_type")


class SystemSerializer(ObjectSerializer):
    name = TextField(source="os_name")
    familyName = TextField(source="os")


class PlaceSerializer(ObjectSerializer):
    country = TextField()
    regionName = TextField(source="region")
    city = TextField()
    organization = TextField()
    latitude = AmountField()
    longitude = AmountField()


class SourceSerializer(ObjectSerializer):
    name = TextField(source="source_name")
    param = TextField(source="channel")


class HitSerializer(ObjectSerializer):
    """A click, a view of a pixel, or a request of a spider."""

    always_written = frozenset({
        "accessTime", "id", "entity", "type", "isSpider", "isUnique", "isProxy", "ip", "clientLanguage", "org",
        "queryParams", "trackedParameters", "browser", "os", "location", "source",
    })  # fmt: skip

    accessTime = TimeField(source="ts")
    id = TextField(source="hit_id")
    entity = DatapointSummarySerializer()
    type = SwitchField(source="is_pixel")
    isSpider = SwitchField(source="is_spider")
    isUnique = SwitchField(source="is_unique")
    isProxy = SwitchField(source="is_proxy")
    ip = TextField()
    clientLanguage = TextField(source="language")
    org = TextField(source="organization")
    queryParams = TextField(source="text")
    trackedParameters = serializers.DictField(child=TextField(), source="parameters")
    browser = BrowserSerializer(source="*")
    os = SystemSerializer(source="*")
    location = PlaceSerializer(source="*")
    source = SourceSerializer(source="*")  # type: ignore[assignment]
    realDestinationUrl = TextField(source="destination")
    referer = TextField(source="referrer")
    conversions = HitConversionSerializer(many=True)
    conversion1 = HitConversionSerializer()
    conversion2 = HitConversionSerializer()
    conversion3 = HitConversionSerializer()
    conversion4 = HitConversionSerializer()
    conversion5 = HitConversionSerializer()


class HitListSerializer(ObjectSerializer):
    always_written = frozenset({"rows"})

    rows = HitSerializer(many=True)


class HitPageSerializer(ObjectSerializer):
    always_written = frozenset({"hits"})

    hits = HitSerializer(many=True)
    lastKey = TextField()


class ProfileSerializer(ObjectSerializer):
    """The account, or a guest's own data. What is read are names and the phone; the views check the rest of a body."""

    is_response_only = False

    always_written = frozenset({"email", "firstName", "registrationDate", "timezone", "timezonename", "boGoVal"})

    email = TextField(read_only=True)
    firstName = TextField()
    registrationDate = TimeField(read_only=True)
    timezone = NumberField(read_only=True)
    timezonename = TextField(read_only=True)
    boGoVal = TextField(read_only=True)
    lastName = TextField()
    companyName = TextField()
    companyRole = TextField()
    phone = TextField()
    redirectOnly = FlagField(read_only=True)
    timeframeMinDate = TextField(read_only=True)


class PlanSerializer(ObjectSerializer):
    """The account's limits, and what it has used this month."""

    always_written = frozenset({
        "name", "recurring", "recurringPeriod", "maximumDatapoints", "maximumGuests", "usedDatapoints",
        "monthlyEvents", "profileId", "billingPeriodStart", "billingPeriodEnd", "allowedPersonalUrls",
        "allowedPersonalDomains",
    })  # fmt: skip

    name = TextField()
    recurring = FlagField()
    recurringPeriod = NumberField()
    maximumDatapoints = NumberField()
    maximumGuests = NumberField()
    usedDatapoints = NumberField()
    monthlyEvents = NumberField()
    profileId = NumberField()
    billingPeriodStart = TimeField()
    billingPeriodEnd = TimeField()
    allowedPersonalUrls = NumberField()
    allowedPersonalDomains = NumberField()
    usedMonthlyEvents = NumberField()
    usedPersonalDomains = NumberField()


class GrantedRightSerializer(ObjectSerializer):
    """A right of a guest; ClickMeter capitalizes these members."""

    always_written = frozenset({"Entity", "EntityName", "EntityType", "Type"})

    Entity = LinkReferenceSerializer()
    EntityName = TextField()
    EntityType = TextField()
    Type = TextField()
    DatapointType = TextField()


class BatchErrorSerializer(ObjectSerializer):
    property = TextField()
    errorMessage = TextField()
    code = TextField()
    errorValue = serializers.JSONField()


class FailureSerializer(ObjectSerializer):
    """What went wrong: one message, or the list of what was not valid."""

    errorCode = TextField()
    httpErrorCode = NumberField()
    message = TextField()
    errors = BatchErrorSerializer(many=True)  # type: ignore[assignment]
