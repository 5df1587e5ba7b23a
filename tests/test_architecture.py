"""The architecture: imports go down only, two places write SQL on events, files and functions stay short."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from tests.support.layers import BELOW, ORDER

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    "manage.py", "pyproject.toml", "README.md", "config", "sites", "tracking", "goals", "reports", "links",
    "accounts", "templates", "static", "tests", "Makefile", "requirements.lock", ".ci", ".gitignore",
    ".dockerignore", "Dockerfile", "compose.yaml", "LICENSE", "docs", "deploy", "CONTRIBUTING.md", "CHANGELOG.md",
    "SECURITY.md", ".env.example", ".editorconfig", ".pre-commit-config.yaml",
}  # fmt: skip
TABLES = "events|visits|bots|refusals|firsts|identities"
EVENT_SQL = re.compile(rf"\b(?:from|into|update|join|table)\s+(?:\w+\.)?(?:{TABLES})\b", re.I)
SQL_WRITERS = ("tracking/store/", "reports/query/")
# Labels of the apps inside an app, as in ForeignKey("uptime.Incident")
LABELS = {
    "accounts": ("audit", "clients", "exports", "notices", "operations", "sso", "white_label"),
    "sites": ("alerts", "uptime"),
    "reports": ("annotations", "digests", "incident_costs", "sharing"),
}  # fmt: skip
PACKAGES = {name: name for name in BELOW} | {label: name for name, labels in LABELS.items() for label in labels}
REFERENCE = re.compile(rf"^({'|'.join(PACKAGES)})\.(\w+)")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
MAX_TEMPLATE_LINE = 160


def list_tracked_files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def list_sources() -> list[str]:
    return [name for name in list_tracked_files() if name.endswith(".py") and name.split("/")[0] in BELOW]


def get_app(name: str) -> str:
    return name.split("/")[0]


def find_references(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every app a syntax tree names: imports anywhere, and strings such as ForeignKey("links.Link")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.Call):
            for arg in node.args:
                text = arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else ""
                if found := REFERENCE.match(text):
                    yield node.lineno, PACKAGES[found[1]]


def find_upward_imports(name: str) -> list[str]:
    tree = ast.parse((ROOT / name).read_text())
    allowed = BELOW[get_app(name)] | {get_app(name)}
    return [
        f"{name}:{line}: {other}" for line, other in find_references(tree) if other in BELOW and other not in allowed
    ]


def test_imports_go_down_only() -> None:
    assert [found for name in list_sources() for found in find_upward_imports(name)] == []


def test_an_upward_import_inside_a_function_would_be_found() -> None:
    tree = ast.parse(
        "def late():\n    from links import models\n    ForeignKey('reports.Report')\n    f('uptime.Monitor')"
    )
    assert {other for _, other in find_references(tree)} == {"links", "reports", "sites"}


def find_imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module a syntax tree imports, by its dotted name, and what is imported from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def find_disordered_imports(name: str, tree: ast.AST) -> list[str]:
    """What a file imports of its own app that stands after it in the app's order."""
    app, _, rest = name.partition("/")
    order = ORDER[app]
    place = rest.split("/")[0].removesuffix(".py")
    if place in ("migrations", "__init__"):
        return []
    allowed = order[: order.index(place) + 1]
    parts = ((line, module.split(".")) for line, module in find_imports(tree))
    return [f"{name}:{line}: {part[1]}" for line, part in parts if part[0] == app and part[1] not in allowed]


@pytest.mark.parametrize("app", ORDER)
def test_folders_inside_an_app_import_only_folders_listed_before_them(app: str) -> None:
    files = [name for name in list_sources() if name.startswith(f"{app}/")]
    assert [
        found for name in files for found in find_disordered_imports(name, ast.parse((ROOT / name).read_text()))
    ] == []


APIS = ("reports/clicky/", "reports/clickport/", "links/clickmeter/")


def test_no_api_imports_code_of_pages() -> None:
    pages = re.compile(r"^\s*(?:from|import) (?:reports\.dashboard|links\.web)\b", re.M)
    assert [name for name in list_sources() if name.startswith(APIS) and pages.search((ROOT / name).read_text())] == []


def test_imports_come_before_functions_and_classes() -> None:
    late = []
    for name in list_sources():
        defined = False
        for node in ast.parse((ROOT / name).read_text()).body:
            defined = defined or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if defined and isinstance(node, ast.Import | ast.ImportFrom):
                late.append(f"{name}:{node.lineno}")
    assert late == []


def find_sql_strings(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_SQL.search(node.value):
            words = node.value.lower()
            if "select" in words or "insert" in words or "alter" in words or "delete" in words:
                yield f"{name}:{node.lineno}"


def test_sql_on_events_is_written_by_the_store_and_the_query_engine_only() -> None:
    strays = [name for name in list_sources() if not name.startswith(SQL_WRITERS)]
    assert [found for name in strays for found in find_sql_strings(name)] == []


READS_ALL_TENANTS = {
    ("reports/query/analyses/link_hits.py", "list_unique_hits_of_all"),
    ("reports/query/analyses/link_hits.py", "list_sales_of_all"),
    ("reports/query/rollups/read.py", "list_sites_with_events"),
}
RECORDED = re.compile(r"\b(?:FROM|JOIN)\s+(?:events|visits|bots|refusals|received|firsts|identities|touched|heat)\b")


def test_only_tables_py_of_the_engine_writes_from_clauses_of_recorded_data() -> None:
    """FROM is written by `reports/query/sql/tables.py`, which puts the tenant into it."""
    found = []
    for name in list_sources():
        if name.startswith("reports/query/"):
            strings = (
                node for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.Constant)
            )
            found += [f"{name}:{one.lineno}" for one in strings if RECORDED.search(str(one.value))]
    assert found == []


def test_only_maintenance_reads_the_rows_of_all_tenants() -> None:
    found = set()
    for name in list_sources():
        for function in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
                if any(isinstance(one, ast.Name) and one.id == "rows_of_all_tenants" for one in calls):
                    found.add((name, function.name))
    assert found == READS_ALL_TENANTS


def test_only_the_store_imports_the_database_driver_and_never_at_module_level() -> None:
    for name in list_sources():
        text = (ROOT / name).read_text()
        if re.search(r"\b(?:import|from)\s+(?:clickhouse_connect|chdb)\b", text):
            assert name.startswith("tracking/store/"), name
            assert not re.search(r"^(?:import|from)\s+(?:clickhouse_connect|chdb)\b", text, re.M), name


# Members that begin with an underscore, but which the documentation of Django or drf-spectacular describes
DOCUMENTED_MEMBERS = {"_base_manager", "_db", "_default_manager", "_map_serializer", "_meta", "_state"}
# The modules that use private members of a library; `tests/config/test_private_members.py` holds what they rely on
HOOKS = {"_post_clean", "_start_asgi_task", "_unset_keepalive_if_required"}  # private methods that adapters override
ADAPTERS = {
    "accounts/model_forms.py", "config/serving/uvicorn_protocol.py", "tracking/state/redis_connection.py",
    "tracking/store/embedded.py",
}  # fmt: skip


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in DOCUMENTED_MEMBERS


def private_names(tree: ast.AST) -> set[str]:
    """The private names that a module defines: functions, classes, variables, and attributes of its own objects."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            own = isinstance(node, ast.Name) or ast.unparse(node.value) in ("self", "cls")
            names |= {node.id if isinstance(node, ast.Name) else node.attr} if own else set()
    return {name for name in names if is_private(name)}


def foreign_private_members(tree: ast.AST, own: set[str]) -> Iterator[int]:
    """The lines that use a private member of something foreign, or import a private module or name of a library."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if ast.unparse(node.value) not in ("self", "cls", "super()") or node.attr not in own:
                yield node.lineno
        elif isinstance(node, ast.FunctionDef) and node.name in HOOKS:
            yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
            name = node.args[1].value if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) else ""
            if is_private(str(name)) and name not in own:
                yield node.lineno
        else:
            for line, module in find_imports(node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
                if module.split(".")[0] not in BELOW and any(map(is_private, module.split("."))):
                    yield line


def test_private_members_of_libraries_are_used_by_their_adapters_only() -> None:
    names = [name for name in list_sources() if "/migrations/" not in name and name not in ADAPTERS]
    trees = {name: ast.parse((ROOT / name).read_text()) for name in names}
    users = {name: list(foreign_private_members(tree, private_names(tree))) for name, tree in trees.items()}
    assert {name: lines for name, lines in users.items() if lines} == {}


def test_a_private_member_of_a_library_would_be_found() -> None:
    for text in (
        "client._backend._summary = f", "from clickhouse_connect.driver._chdbclient import ChdbClient",
        "class A(B):\n    def f(self):\n        self._unset()", "getattr(client, '_backend')", "import redis._parsers",
        "class F(ModelForm):\n    def _post_clean(self): pass",
    ):  # fmt: skip
        tree = ast.parse(text)
        assert list(foreign_private_members(tree, private_names(tree))), text
    tree = ast.parse("class A:\n    def _f(self):\n        self._x = self._f() + A.objects._meta")
    assert list(foreign_private_members(tree, private_names(tree))) == []


@pytest.mark.parametrize("ending", [".py", ".html", ".css", ".js"])
def test_no_file_is_too_long_to_read(ending: str) -> None:
    long = {}
    for name in list_tracked_files():
        if not name.endswith(ending) or name.endswith(".min.js") or "/migrations/" in name or "/vendor/" in name:
            continue
        lines = (ROOT / name).read_text().count("\n")
        if lines > MAX_FILE_LINES:
            long[name] = lines
    assert long == {}


def test_no_function_is_too_long_to_read() -> None:
    long = {}
    for name in list_sources():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{name}:{node.lineno} {node.name}"] = lines
    assert long == {}


def test_the_top_level_has_only_the_known_files_and_folders() -> None:
    assert {name.split("/")[0] for name in list_tracked_files()} <= TOP_LEVEL


FIELD_MODULES = {"accounts.security.encrypted_fields", "links.models.fields"}


def find_product_code(name: str) -> Iterator[str]:
    """Find what a migration uses of the product, classes of fields excepted."""
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.ImportFrom):
            used = [node.module or "relative"]
        elif isinstance(node, ast.Import):
            used = [alias.name for alias in node.names if alias.name not in FIELD_MODULES]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in FIELD_MODULES:
            used = [] if node.attr.endswith("Field") else [ast.unparse(node)]
        else:
            continue
        yield from (
            f"{name}:{node.lineno}: {module}" for module in used if module.split(".")[0] in {*BELOW, "relative"}
        )


def test_migrations_are_literal_so_that_moving_code_never_breaks_them() -> None:
    migrations = [name for name in list_sources() if "/migrations/" in name]
    assert [found for name in migrations for found in find_product_code(name)] == []


def test_models_and_migrations_agree() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    assert changes == {}


WRITES = {"save", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
INTERFACES = re.compile(r"(?:^|/)(?:views|api|web|clickmeter|clicky|clickport)(?:/|\.py$)")


def find_model_writes(name: str) -> list[str]:
    """Return the calls that write a model; `form.save(commit=False)` does not."""
    found = []
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            keywords = {keyword.arg for keyword in node.keywords}
            of_queryset = node.func.attr == "update" and "objects" in ast.unparse(node.func.value)
            if of_queryset or (node.func.attr in WRITES and "commit" not in keywords):
                found.append(f"{name}:{node.lineno}: {ast.unparse(node.func)}")
    return found


def test_views_and_apis_write_models_only_through_services() -> None:
    assert [found for name in list_sources() if INTERFACES.search(name) for found in find_model_writes(name)] == []


def test_no_line_of_a_template_is_too_long() -> None:
    templates = [name for name in list_tracked_files() if name.startswith("templates/")]
    assert templates
    long = []
    for name in templates:
        lines = (ROOT / name).read_text().splitlines()
        long += [f"{name}:{number}" for number, line in enumerate(lines, 1) if len(line) > MAX_TEMPLATE_LINE]
    assert long == []


# What the project does in one place only: how it would be written elsewhere, and the module that does it
DONE_ONCE = {
    r"code:\? \(": "tracking/store/errors.py",
    r"\bcsv\.(?:writer|DictWriter)\b": "accounts/spreadsheets.py",
    r"\bROUND_HALF_UP\b": "sites/amounts.py",
    r"u003c": "tracking/web.py",
    r"application/javascript; charset": "tracking/web.py",
    r"\bipv4_mapped\b": "accounts/security/client_ip.py",
    r"\.incr\(": "config/outages.py",
    r"\bCountingCache, ": "accounts/security/rate_limits.py",
}


@pytest.mark.parametrize(("pattern", "module"), DONE_ONCE.items())
def test_what_is_done_in_one_place_is_done_nowhere_else(pattern: str, module: str) -> None:
    assert [name for name in list_sources() if re.search(pattern, (ROOT / name).read_text())] == [module]


MONTHS_BY_HAND = re.compile(r"\bdays=3[12]\b|\b3[12] \* DAY\b|(?://|%) 12\b|\bday=28\b|\bmonthrange\b")


def test_months_are_counted_by_dateutil() -> None:
    assert [name for name in list_sources() if MONTHS_BY_HAND.search((ROOT / name).read_text())] == []
    assert MONTHS_BY_HAND.search("(day.replace(day=1) + timedelta(days=32)).replace(day=1)")
