"""Services that write groups and tags."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone as clock

from accounts.audit.recording import read_fields, record_action, record_change
from accounts.models import Account, Membership, Right
from accounts.services import grant_set
from links.models import Datapoint, Group, Status, Tag
from links.routing import link_cache
from links.validators import check_owned, clean_group_fields, clean_name
from sites.models import take_change_number

MAX_TAGS = 100  # of one link or group


@transaction.atomic
def group_create(
    *,
    account: Account,
    name: str,
    tags: Sequence[Tag | str] | None = None,
    shared_with: Membership | None = None,
    **fields: object,
) -> Group:
    """Create a group. `fields`: notes, favourite, redirect_only, is_public. `shared_with`: the guest who creates it
    and gets the right to write."""
    group = Group.objects.create(account=account, name=clean_name(name), **clean_group_fields(fields))
    record_action("link_group.created", group)
    if tags:
        group.tags.set(get_or_create_tags(account, tags))
    if shared_with is not None:
        grant_set(membership=shared_with, kind="group", object_id=group.pk, right=Right.WRITE)
    return group


@transaction.atomic
def group_update(*, group: Group, tags: Sequence[Tag | str] | None = None, **changes: object) -> Group:
    """Change the named fields of a group."""
    group.refresh_from_db(from_queryset=Group.objects.select_for_update())
    if group.deleted:
        raise ValidationError({"id": "A deleted group cannot be changed."})
    before, tags_before = read_fields(group), list_tag_names(group)
    for field, value in clean_group_fields(changes).items():
        setattr(group, field, value)
    group.save()
    if tags is not None:
        group.tags.set(get_or_create_tags(group.account, tags))
    record_change("link_group.changed", group, before, also={"tags": (tags_before, list_tag_names(group))})
    group.datapoints.update(change=take_change_number())
    transaction.on_commit(link_cache.refresh_soon)
    return group


@transaction.atomic
def group_delete(*, group: Group, now: datetime | None = None) -> None:
    """Delete a group and all its links; statistics stay."""
    group.deleted = group.deleted or now or clock.now()
    group.save(update_fields=["deleted"])
    record_action("link_group.deleted", group)
    group.datapoints.update(status=Status.DELETED, change=take_change_number())
    transaction.on_commit(link_cache.refresh_soon)


@transaction.atomic
def tag_create(*, account: Account, name: str, links: Sequence[Datapoint] = (), groups: Sequence[Group] = ()) -> Tag:
    """Get or create the tag of that name and add it to these links and groups."""
    tag = get_or_create_tag(account, clean_name(name, max_length=100))
    assert tag is not None
    for link in links:
        tag_add(tag=tag, row=link)
    for group in groups:
        tag_add(tag=tag, row=group)
    return tag


def list_tag_names(row: Datapoint | Group) -> list[str]:
    """List the names of the tags of a link or group."""
    return list(row.tags.order_by("name").values_list("name", flat=True))


@transaction.atomic
def tag_rename(*, tag: Tag, name: str) -> Tag:
    """Rename a tag. Raises ValidationError if the account has a tag of that name."""
    before = read_fields(tag)
    tag.name = clean_name(name, max_length=100)
    try:
        with transaction.atomic():
            tag.save()
    except IntegrityError:
        raise ValidationError({"name": f"There is a tag “{tag.name}” already."}) from None
    record_change("tag.changed", tag, before)
    return tag


@transaction.atomic
def tag_delete(*, tag: Tag) -> None:
    record_action("tag.deleted", tag)
    tag.delete()


@transaction.atomic
def tag_add(*, tag: Tag, row: Datapoint | Group) -> None:
    """Add the tag to a link or group of its account."""
    check_owned(row.account, [tag], "id", "tag")
    row.tags.add(tag)
    record_action("tag.added", tag, changes={name_target(row): (None, str(row))})


def name_target(row: Datapoint | Group) -> str:
    """Name what a tag was added to or removed from."""
    return "group" if isinstance(row, Group) else "link"


@transaction.atomic
def tag_remove(*, tag: Tag, row: Datapoint | Group) -> None:
    """Remove the tag from a link or group."""
    row.tags.remove(tag)
    record_action("tag.removed", tag, changes={name_target(row): (str(row), None)})


@transaction.atomic
def tag_clear(*, tag: Tag, links: bool = False, groups: bool = False) -> None:
    """Remove the tag from all links, or from all groups."""
    if links:
        tag.datapoints.clear()
        record_action("tag.removed", tag, changes={"link": ("all", None)})
    if groups:
        tag.groups.clear()
        record_action("tag.removed", tag, changes={"group": ("all", None)})


def get_or_create_tags(account: Account, tags: Sequence[Tag | str]) -> list[Tag]:
    """Get or create these tags. New names are created, so pass names only for callers who may create tags. Raises
    ValidationError."""
    if len(tags) > MAX_TAGS:
        raise ValidationError({"tags": f"At most {MAX_TAGS} tags, not {len(tags):,}."})
    check_owned(account, [tag for tag in tags if isinstance(tag, Tag)], "tags", "tag")
    rows = [tag if isinstance(tag, Tag) else get_or_create_tag(account, tag) for tag in tags]
    return list(dict.fromkeys(tag for tag in rows if tag is not None))


@transaction.atomic
def get_or_create_tag(account: Account, name: str) -> Tag | None:
    """Find the account's tag by name, ignoring case, or create it; None for an empty name."""
    name = name.replace("\x00", "").strip()[:100]
    if not name:
        return None
    tag = Tag.objects.filter(account=account, name__iexact=name).first()
    if tag is None:
        tag = Tag.objects.create(account=account, name=name)
        record_action("tag.created", tag)
    return tag


@transaction.atomic
def get_or_create_default_group(account: Account) -> Group:
    """Return the account's first group, for links created without one; create it if there is none."""
    group = Group.objects.filter(account=account, deleted=None).order_by("pk").first()
    if group is None:
        group = Group.objects.create(account=account, name="Links")
        record_action("link_group.created", group)
    return group
