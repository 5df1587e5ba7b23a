"""Serializers of bodies that change one thing of a row, and of batches."""

from __future__ import annotations

from links.clickmeter.answers import BatchErrorSerializer, LinkReferenceSerializer
from links.clickmeter.fields import ItemsField, LateTextField, NumberField, TextField, WordField
from links.clickmeter.lenient_serializer import AnswerSerializer, LenientSerializer
from links.clickmeter.serializers import DatapointSerializer


class TextPatchSerializer(LenientSerializer):
    """New notes, or a new name."""

    Text = TextField(source="text")


class PatchSerializer(LenientSerializer):
    """A row that is added to another one, or removed from it."""

    Id = NumberField(source="id")
    Action = LateTextField(source="action")


class ConversionPatchSerializer(PatchSerializer):
    ReplaceId = NumberField(source="replaced")


class PermissionPatchSerializer(PatchSerializer):
    Verb = LateTextField(source="verb")


class PatchBatchSerializer(LenientSerializer):
    PatchRequests = ItemsField(child=PatchSerializer(), source="patches")


class DatapointBatchSerializer(LenientSerializer):
    List = ItemsField(child=DatapointSerializer(), source="items")


class DeleteBatchSerializer(LenientSerializer):
    Entities = ItemsField(child=LinkReferenceSerializer(), source="items")


class BatchResultSerializer(AnswerSerializer):
    """What became of one item of a batch."""

    always = frozenset({"status"})

    status = WordField(["Ok", "Error"])
    result = LinkReferenceSerializer()
    entityData = DatapointSerializer()
    errors = BatchErrorSerializer(many=True)  # type: ignore[assignment]


class BatchAnswerSerializer(AnswerSerializer):
    always = frozenset({"results"})

    results = BatchResultSerializer(many=True)
