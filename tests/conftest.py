"""Fixtures of all tests: users, a site, a key, a client, an empty store.

alice owns the account, bob is her guest (he may see her site), charlie is a stranger with an account of his own.
DATA_DIR is a directory of this process alone, chosen before Django reads its settings, so the embedded event store and
SQLite are this process's own: tests run in parallel, and empty tables suffice between them.
"""

# ruff: noqa: E402 - DATA_DIR comes before Django
from __future__ import annotations

import dataclasses
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

# Keep compiled code, which every worker and server would otherwise spend seconds on
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
MEMORY = "/dev/shm"  # files for minutes need no disk
roomy = os.path.isdir(MEMORY) and shutil.disk_usage(MEMORY).free > 4 << 30
DATA_DIR = tempfile.mkdtemp(prefix=f"footfall-{WORKER}-", dir=os.environ.get("TESTS_DIR", MEMORY if roomy else None))
os.environ["DATA_DIR"] = DATA_DIR
for name in ("EVENTS_URL", "DATABASE_URL", "REDIS_URL"):  # the embedded defaults, unless tests/services sets others
    template = os.environ.get(f"TESTS_{name}", "")
    os.environ[name] = template.replace("WORKER", WORKER).replace(
        "NUMBER", WORKER.removeprefix("gw").replace("main", "0")
    )
os.environ.setdefault("SECRET_KEY", "only for tests, and long enough that no check complains about it")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django
import hypothesis
import pytest
from django.conf import settings
from django.core.signals import request_started
from django.db import transaction
from django.template import Context, Template
from django.test import Client
from django.test.signals import template_rendered

# The same examples in every run, so that a change fails for what it did; "search" looks for new ones. A busy machine
# is slow, which is no fault of what is tested.
patient: Any = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("quick", max_examples=40, derandomize=True, **patient)
hypothesis.settings.register_profile("thorough", max_examples=300, derandomize=True, **patient)
hypothesis.settings.register_profile("search", max_examples=2000, **patient)
hypothesis.settings.load_profile("quick")
settings.WHITENOISE_AUTOREFRESH = True  # else every new client looks through all static files
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]
database: dict[str, Any] = settings.DATABASES["default"]
database.setdefault("TEST", {})["NAME"] = (
    f"test_footfall_{WORKER}" if os.environ["DATABASE_URL"] else os.path.join(DATA_DIR, "test.sqlite3")
)
django.setup()

from pytest_django import Settings

from accounts.models import Account, Grant, Membership, Right, Role, User
from config.serving.early_refusals import refused_clients
from reports.query import budgets
from sites import site_cache
from sites.models import Site
from sites.services import api_key_create, site_create
from tests.support.clickmeter_client import Program, use_account_key
from tests.support.misbehaving_server import MisbehavingServer, misbehaving
from tests.support.other_suites import leave_out_other_suites
from tests.support.traffic import log_in
from tests.support.types import Store
from tracking import store as event_store
from tracking.store import client, corrections, move
from tracking.store.locks import write_lock

# A worker inherits the environment, and would read its settings before it chose its own directory.
# Here, because `config.asgi` sets it, too
del os.environ["DJANGO_SETTINGS_MODULE"]

PASSWORD = "correct horse battery"
# The store compiles expressions of repeated queries, which costs more than it saves with few rows
client.EMBEDDED_SETTINGS.update(compile_expressions=0, compile_aggregate_expressions=0, compile_sort_description=0)


# Files of few tests that take long. Begun last, each would leave all workers but its own without work
LONG_FILES = (
    "tests/tracking/test_store_moves.py", "tests/links/clickmeter/test_query_counts.py",
    "tests/reports/query/test_random_queries.py", "tests/reports/query/test_rollups.py",
    "tests/config/test_list_query_counts.py", "tests/config/test_secret_key.py",
    "tests/config/test_broken_requests.py", "tests/sites/uptime/test_availability.py",
    "tests/config/test_demo_shop.py",
)  # fmt: skip

gc.disable()  # during the collection of tests, whose objects stay: searching them took a fifth of the time


def pytest_configure(config: pytest.Config) -> None:
    """The default suite runs at noon. Servers of the other suites have the machine's clock, and so have their tests."""
    from tests.support.noon import set_clock_to_noon

    if all(f"not {other}" in config.option.markexpr for other in ("services", "browser", "heavy")):
        set_clock_to_noon()


pytest_ignore_collect = leave_out_other_suites


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests of API operations unique names: of equal names, parallel workers would run a single one.

    Parallel workers take files in the order of their tests: the long ones, then those of many tests.
    """
    for item in items:
        operation = getattr(item, "operation_label", None)
        if operation and operation not in item.nodeid:
            item._id = item._id.with_params(operation)
    if WORKER != "main":
        tests_of = Counter(item.location[0] for item in items)
        items.sort(key=lambda item: (item.location[0] not in LONG_FILES, -tests_of[item.location[0]]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude what is loaded now from garbage collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    event_store.close()
    shutil.rmtree(DATA_DIR, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def contexts_of_pages_alone(django_test_environment: None) -> None:
    """A test client keeps the context of a page, and no copies of it for each template that the page includes."""

    def render(template: Template, context: Context) -> str:
        if context.template is template:
            template_rendered.send(sender=template, template=template, context=context)
        return template.nodelist.render(context)

    # As `django_test_environment` does, and takes back
    pytest.MonkeyPatch().setattr(Template, "_render", render)


@pytest.fixture(scope="session", autouse=True)
def flushes_of_the_audit_log(django_test_environment: None) -> None:
    from tests.support.database import permit_flushes_of_the_audit_log

    permit_flushes_of_the_audit_log(pytest.MonkeyPatch())


migrating = ExitStack()


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest, django_db_modify_db_settings: None) -> bool:
    """Begin with the migrated database of an earlier run, where it is SQLite's and its migrations are today's."""
    from tests.support.migrated_database import borrow_database

    cache = getattr(request.config, "cache", None)
    if os.environ["DATABASE_URL"] or cache is None:
        return bool(request.config.option.reuse_db)
    migrating.enter_context(borrow_database(cache.mkdir("migrated_database"), database["TEST"]["NAME"]))
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Migrate as pytest-django does, and keep the result."""
    migrating.close()


@pytest.fixture
def migrated_dir(request: pytest.FixtureRequest, tmp_path: Path, django_db_setup: None) -> Path:
    """A DATA_DIR for the processes that a test starts, with a migrated database: migrating takes a second each time."""
    from tests.support.migrated_database import ROOT, copy_database

    cache = getattr(request.config, "cache", None)
    if cache is None or not copy_database(cache.mkdir("migrated_database"), tmp_path / "footfall.sqlite3"):
        env = {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": ""}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    return tmp_path


@pytest.fixture(scope="session")
def migrated_store() -> None:
    """The migrated event store, once per process. What tests record is inserted before every query."""
    from tests.support.store_rows import forget_rows, insert_recorded

    event_store.migrate()

    def settled(function: Any) -> Any:
        def first_settle(*args: Any) -> Any:
            if write_lock.is_held_here():  # as while rows are inserted
                forget_rows()
            else:
                insert_recorded()
            return function(*args)

        return first_settle

    for owner, name in (
        (client, "_take"), (corrections, "list_nodes"), (move, "list_nodes"),
        (write_lock, "get_change_counts"),  # called before a cached response is used
    ):  # fmt: skip
        pytest.MonkeyPatch().setattr(owner, name, settled(getattr(owner, name)))
    request_started.connect(insert_recorded)


@pytest.fixture
def store(migrated_store: None) -> Iterator[Store]:
    """`tracking.store` without rows, and an empty spool."""
    from tests.support import empty_store

    empty_store()
    yield cast("Store", event_store)
    empty_store()


@pytest.fixture
def statements(migrated_store: None) -> Iterator[list[str]]:
    """What the event store is asked from now on."""
    from tests.support.statements import record_statements

    with record_statements() as asked:
        yield asked


@pytest.fixture
def fresh_links(store: Store) -> Iterator[None]:
    """An empty store, and a redirector with empty caches."""
    from tests.support.links import reset_state

    reset_state()
    yield
    reset_state()


@pytest.fixture(scope="module")
def module_database(migrated_store: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What fixtures of a module write stays until its last test; what a test changes of it is rolled back.

    For a module whose tests all begin with the same rows, which would otherwise be made for each of them. Its tests
    take `module_caches` too. None of them may be transactional: a transaction is open around all of them.
    """
    from tests.support import empty_store
    from tests.support.links import reset_state

    empty_store()
    reset_state()
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)
    site_cache.forget()
    reset_state()
    empty_store()


@pytest.fixture
def module_caches(module_database: None, db: None) -> None:
    """The caches of sites and links hold what the module's fixtures wrote, and nothing of earlier tests."""
    from tests.support.links import refresh_caches, reset_state

    reset_state()
    refresh_caches()


@pytest.fixture(scope="module")
def module_account(module_database: None) -> Account:
    """Alice's account and alice, who owns it, for all tests of a module."""
    account = Account.objects.create(name="Alice & Co")
    member(account, "alice", Role.OWNER)
    return account


@pytest.fixture(scope="module")
def module_stranger(module_database: None) -> Membership:
    """Charlie in his own account, for all tests of a module."""
    return make_stranger().memberships.get()


@pytest.fixture
def account(db: None) -> Account:
    """Alice's account."""
    return Account.objects.create(name="Alice & Co")


def member(account: Account, name: str, role: str) -> User:
    user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.capitalize())
    Membership.objects.create(user=user, account=account, role=role)
    return user


@pytest.fixture
def alice(account: Account) -> User:
    """Owns the account."""
    return member(account, "alice", Role.OWNER)


@pytest.fixture
def site(account: Account) -> Site:
    """Alice's site, example.com, in UTC. She has verified that the domain is hers."""
    site = site_create(account=account, domain="example.com", by_operator=True)
    site_cache.refresh()
    return site


@pytest.fixture
def inside(alice: User) -> Client:
    """A browser in which alice is logged in."""
    return log_in(alice)


@pytest.fixture
def owner(account: Account, alice: User) -> Program:
    """Alice's programs, with the key of her account."""
    return use_account_key(account)


@pytest.fixture
def server(settings: Settings) -> Iterator[MisbehavingServer]:
    """A misbehaving server; of the local addresses only its own may be requested."""
    settings.ENV = dataclasses.replace(settings.ENV, allowed_outbound=("127.0.0.1/32",))
    with misbehaving() as running:
        yield running


@pytest.fixture
def bob(account: Account, site: Site) -> User:
    """A guest of alice's account who may see her site and change nothing."""
    user = member(account, "bob", Role.GUEST)
    Grant.objects.create(membership=user.memberships.get(), kind="site", object_id=site.pk, right=Right.READ)
    return user


def make_stranger() -> User:
    """Charlie, with an account and a site of his own."""
    other = Account.objects.create(name="Charlie's")
    user = member(other, "charlie", Role.OWNER)
    site_create(account=other, domain="charlie.example")
    site_cache.refresh()
    return user


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger, who owns another account and site."""
    return make_stranger()


@pytest.fixture
def charlies_site(charlie: User) -> Site:
    """The stranger's site, charlie.example."""
    return Site.objects.get(account=charlie.memberships.get().account)


@pytest.fixture
def api_key(site: Site) -> str:
    """A plain `ck_…` key of alice's site that may read and track."""
    plain = api_key_create(site=site, name="tests")[1]
    site_cache.refresh()
    return plain


@pytest.fixture
def machine_clock() -> Iterator[None]:
    """The machine's clock, for a test that compares it with that of files, databases or other processes."""
    from tests.support.noon import use_machine_clock

    with use_machine_clock():
        yield


@pytest.fixture(autouse=True)
def forget_sites() -> Iterator[None]:
    """Clear the caches of sites, keys and open visits, Redis, and the counters of limits after every test."""
    yield
    site_cache.forget()
    budgets.forget_budgets()
    refused_clients.forget()
    from tests.support import state

    state.clear_caches()
    state.flush_redis(state.current())
    state.restart()
