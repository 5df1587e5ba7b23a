"""Every id in a form, a body or the query of a page × every caller who may not fetch its object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django import forms

from accounts.forms import PersonalTokenForm
from accounts.models import Membership
from accounts.operations.account_pages import AccountPlanForm
from accounts.operations.plan_pages import PlanForm
from accounts.operations.views import SignUpForm
from accounts.sign_in.deletion_view import DeletionForm
from accounts.sign_in.factor_views import PasskeyForm
from accounts.sign_in.forms import ReauthenticateForm
from links.permissions import build_link_scope
from links.web.forms import LinkForm
from reports.agency.forms import ApplyForm, ManySitesForm, MoveForm, TemplateForm
from reports.dashboard.goals.forms import FunnelForm
from reports.digests.views import SubscriptionForm
from reports.sharing.forms import SharedLinkForm
from sites.alerts.condition_registry import CONDITIONS
from sites.alerts.forms import AlertForm
from sites.forms import NewSiteForm, ProxyForm
from tests.permissions import callers, source_search
from tests.permissions.id_fields import DESCRIBED, FIELDS, KEYED, NO_IDS, OPTIONS, SHEETS, Field
from tests.permissions.request_bodies import BODIES, READS
from tests.permissions.routes import IDS, build_path, build_values
from tests.permissions.tenants import NOBODYS, Things, World
from tests.support.database import rolled_back

# Forms that add fields when they are made
MADE: dict[type[forms.BaseForm], Callable[[World], forms.BaseForm]] = {
    DeletionForm: lambda world: DeletionForm(None, world.people["charlie"]),
    SignUpForm: lambda world: SignUpForm(None, ""),
    AccountPlanForm: lambda world: AccountPlanForm(None, world.other.site.account),
    PlanForm: lambda world: PlanForm(None, "", "", {}),
    AlertForm: lambda world: AlertForm(site=world.other.site, condition=CONDITIONS["goal"]),
    FunnelForm: lambda world: FunnelForm(None, world.other.site),
    LinkForm: lambda world: LinkForm(scope=build_link_scope(Membership.objects.get(user=world.people["charlie"]))),
    ApplyForm: lambda world: ApplyForm(sites=[world.other.site]),
    TemplateForm: lambda world: TemplateForm(sites=[world.other.site]),
    ManySitesForm: lambda world: ManySitesForm(accounts=[world.other.site.account]),
    MoveForm: lambda world: MoveForm(accounts=[world.other.site.account]),
    NewSiteForm: lambda world: NewSiteForm(accounts=[world.other.site.account]),
    PasskeyForm: lambda world: PasskeyForm(user=world.people["charlie"]),
    PersonalTokenForm: lambda world: PersonalTokenForm(None, [(world.other.site.pk, "site")]),
    ProxyForm: lambda world: ProxyForm.from_site(world.other.site),
    ReauthenticateForm: lambda world: ReauthenticateForm(user=world.people["charlie"]),
    SharedLinkForm: lambda world: SharedLinkForm(None, world.other.site, world.people["charlie"]),
    SubscriptionForm: lambda world: SubscriptionForm(world.people["charlie"]),
}
KNOWN = {field.source for field in FIELDS} | SHEETS | KEYED | DESCRIBED | {*NO_IDS}


def test_every_form_field_with_ids_is_declared(world: World) -> None:
    there: set[str] = set()
    for made in source_search.list_form_classes():
        fields = MADE.get(made, lambda world, form=made: form())(
            world
        ).fields  # a TypeError: say in MADE how it is made
        found = {f"{made.__name__}.{name}" for name, field in fields.items() if source_search.carries_ids(name, field)}
        assert found <= KNOWN, f"say in FIELDS what {sorted(found - KNOWN)} name"
        there |= {f"{made.__name__}.{name}" for name in fields}
    assert {one for one in KNOWN if ".py" not in one} <= there, "gone"


def test_every_parameter_of_a_view_that_looks_like_an_id_is_declared() -> None:
    read = {f"{file} {name}" for file, names in source_search.list_field_names().items() for name in names}
    ids = {one for one in read if source_search.looks_like_an_id(one.rpartition(" ")[2])}
    assert ids <= KNOWN, f"say in FIELDS what {sorted(ids - KNOWN)} name"
    assert {one for one in KNOWN - OPTIONS if ".py " in one} <= read, "gone"


def test_every_function_that_is_given_a_whole_request_is_declared() -> None:
    known = {one for one in KNOWN if ".py:" in one and " " not in one}
    assert source_search.list_whole_reads() == known


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_an_id_of_others_in_a_form_field_is_treated_as_missing(
    field: Field, world: World, clients: Any, before: Any
) -> None:
    """By turns for one of its callers."""
    check_field(field, [field.by[FIELDS.index(field) % len(field.by)]], world, clients, before)


@pytest.mark.heavy
@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_an_id_of_others_in_a_form_field_is_treated_as_missing_for_every_caller(
    field: Field, world: World, clients: Any, before: Any
) -> None:
    check_field(field, field.by, world, clients, before)


def check_field(field: Field, names: Sequence[str], world: World, clients: Any, before: Any) -> None:
    """Each caller's own id is accepted, and one of others is answered as one of nobody."""
    for name in names:
        own = world.own(name)
        if field.kind != "private_segment":
            answer, text, changes = asked(clients, name, field, own, own[field.kind])
            assert callers.is_allowed(answer) and not callers.is_rejected(answer, text), (
                name,
                answer.status_code,
                text[-3000:],
            )
            assert changes.tables or field.call not in BODIES, f"{name}: {field.call} was to write"
        nothing, text_of_nothing, _ = asked(clients, name, field, own, NOBODYS)
        for number in foreign(field.kind, name, world):
            answer, text, changes = asked(clients, name, field, own, number)
            assert answer.status_code == nothing.status_code, (name, number)
            assert callers.mask_numbers(text) == callers.mask_numbers(text_of_nothing), (name, number)
            callers.assert_hidden(field.call.partition(" ")[2], text, world.foreign_words(name), (name, number))
            assert not changes.events and (not changes.tables or changes.after == before), (name, changes.tables)
            assert not field.says_no or callers.is_rejected(answer, text), (name, answer.status_code, text[-3000:])


def foreign(kind: str, name: str, world: World) -> list[Any]:
    """Things of that kind which the caller may not fetch. A private segment is its owner's, also at a site one sees."""
    hers = [world.open[kind]] if kind == "private_segment" and name != "charlie" else []
    others = [world.hidden[kind], *hers, *([world.other[kind]] if name != "charlie" else [])]
    return [number for number in others if number != world.own(name)[kind] or kind == "private_segment"]


def asked(clients: Any, name: str, field: Field, own: Things, number: Any) -> Any:
    """The answer to the request with that id in the field and everything else the caller's own."""
    method, _, route = field.call.partition(" ")
    made = (BODIES | READS).get(field.call)
    data = field.put(made(own) if made else {}, number)
    path = build_path(route, {**build_values(route), **{key: own[kind] for key, kind in IDS.items()}})
    with rolled_back(), callers.watch_writes() as changes:
        answer = callers.send(callers.copy_client(clients[name]), method, path, data)
        changes.look(answer)
    return answer, callers.read_text(answer), changes
