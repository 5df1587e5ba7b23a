"""Serializers of bodies that change one thing of a row, and of batches."""

from __future__ import annotations

from links.clickmeter.answers import BatchErrorSerializer, LinkReferenceSerializer
from links.clickmeter.fields import ItemsField, NumberField, TextField, UncheckedTextField, WordField
from links.clickmeter.lenient_serializer import LenientSerializer, ObjectSerializer
from links.clickmeter.serializers import DatapointSerializer


class TextPatchSerializer(LenientSerializer):
    """New notes, or a new name."""

    Text = TextField(source="text")


class PatchSerializer(LenientSerializer):
    """A row that is added to another one, or removed from it."""

    Id = NumberField(source="id")
    Action = UncheckedTextField(source="action")


class ConversionPatchSerializer(PatchSerializer):
    ReplaceId = NumberField(source="replaced")


class PermissionPatchSerializer(PatchSerializer):
    Verb = UncheckedTextField(source="verb")


class PatchBatchSerializer(LenientSerializer):
    PatchRequests = ItemsField(child=PatchSerializer(), source="patches")


class DatapointBatchSerializer(LenientSerializer):
    List = ItemsField(child=DatapointSerializer(), source="items")


class DeleteBatchSerializer(LenientSerializer):
    Entities = ItemsField(child=LinkReferenceSerializer(), source="items")


class BatchResultSerializer(ObjectSerializer):
    """What became of one item of a batch."""

    always_written = frozenset({"status"})

    status = WordField(["Ok", "Error"])
    result = LinkReferenceSerializer()
    entityData = DatapointSerializer()
    errors = BatchErrorSerializer(many=True)  # type: ignore[assignment]


class BatchAnswerSerializer(ObjectSerializer):
    always_written = frozenset({"results"})

    results = BatchResultSerializer(many=True)
