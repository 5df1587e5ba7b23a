"""The house stands: imports go down only, SQL on events has two homes, files stay readable."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BELOW: dict[str, set[str]] = {
    "accounts": set(),
    "sites": {"accounts"},
    "tracking": {"accounts", "sites"},
    "goals": {"accounts", "sites"},
    "reports": {"accounts", "sites", "tracking", "goals"},
    "links": {"accounts", "sites", "tracking", "goals", "reports"},
    "config": {"accounts", "sites", "tracking", "goals", "reports", "links"},
}
# Inside an app: a module or folder imports itself and what stands before it, nothing after it
ORDER: dict[str, tuple[str, ...]] = {
    "links": (
        "models", "url_policy", "validators", "permissions", "routing", "selectors", "addresses", "services", "stats",
        "redirect", "conversions", "monitoring", "clickmeter", "shortener", "web", "templatetags", "middleware",
        "apps", "urls",
    ),
}  # fmt: skip
TOP_LEVEL = {
    "manage.py", "pyproject.toml", "README.md", "config", "sites", "tracking", "goals", "reports", "links",
    "accounts", "templates", "static", "tests", "Makefile", "requirements.lock", ".ci", ".gitignore",
    ".dockerignore", "Dockerfile", "compose.yaml", "LICENSE", "docs", "deploy", "CONTRIBUTING.md", "CHANGELOG.md",
    "SECURITY.md", ".env.example", ".editorconfig", ".pre-commit-config.yaml",
}  # fmt: skip
TABLES = "events|visits|bots|refusals|firsts|identities"
EVENT_SQL = re.compile(rf"\b(?:from|into|update|join|table)\s+(?:\w+\.)?(?:{TABLES})\b", re.I)
SQL_HOMES = ("tracking/store/", "reports/query/")
REFERENCE = re.compile(r"^(accounts|sites|tracking|goals|reports|links|config)\.(\w+)")
MOST_LINES = 400


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def sources() -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in BELOW]


def room(name: str) -> str:
    return name.split("/")[0]


def references(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every room a syntax tree names: imports anywhere, and strings such as ForeignKey("links.Link")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.Call):
            for arg in node.args:
                text = arg.value if isinstance(arg, ast.Constant) and isinstance(arg.value, str) else ""
                if found := REFERENCE.match(text):
                    yield node.lineno, found[1]


def upward(name: str) -> list[str]:
    tree = ast.parse((ROOT / name).read_text())
    allowed = BELOW[room(name)] | {room(name)}
    return [f"{name}:{line}: {other}" for line, other in references(tree) if other in BELOW and other not in allowed]


def test_imports_go_down_only() -> None:
    assert [found for name in sources() for found in upward(name)] == []


def test_an_upward_import_inside_a_function_would_be_found() -> None:
    tree = ast.parse("def late():\n    from links import models\n    ForeignKey('reports.Report')")
    assert {other for _, other in references(tree)} == {"links", "reports"}


def modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every module a syntax tree imports, by its dotted name, and what is imported from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def out_of_order(name: str, tree: ast.AST) -> list[str]:
    """What a file imports of its own app that stands after it in the app's order."""
    app, _, rest = name.partition("/")
    order = ORDER[app]
    place = rest.split("/")[0].removesuffix(".py")
    if place in ("migrations", "__init__"):
        return []
    allowed = order[: order.index(place) + 1]
    parts = ((line, module.split(".")) for line, module in modules(tree))
    return [f"{name}:{line}: {part[1]}" for line, part in parts if part[0] == app and part[1] not in allowed]


@pytest.mark.parametrize("app", ORDER)
def test_folders_inside_an_app_import_what_stands_before_them(app: str) -> None:
    files = [name for name in sources() if name.startswith(f"{app}/")]
    assert [found for name in files for found in out_of_order(name, ast.parse((ROOT / name).read_text()))] == []


def test_an_import_against_the_order_would_be_found() -> None:
    tree = ast.parse("def late():\n    from links import stats\n    from links.web import live\nimport links.models")
    assert out_of_order("links/redirect/cookies.py", tree) == ["links/redirect/cookies.py:3: web"]


def sql_strings(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_SQL.search(node.value):
            words = node.value.lower()
            if "select" in words or "insert" in words or "alter" in words or "delete" in words:
                yield f"{name}:{node.lineno}"


def test_sql_against_events_lives_in_the_store_and_the_engine_only() -> None:
    strays = [name for name in sources() if not name.startswith(SQL_HOMES)]
    assert [found for name in strays for found in sql_strings(name)] == []


READS_ALL_TENANTS = {
    ("reports/query/analyses/link_hits.py", "list_unique_hits_of_all"),
    ("reports/query/analyses/link_hits.py", "list_sales_of_all"),
    ("reports/query/rollups/read.py", "list_sites_with_events"),
}
RECORDED = re.compile(r"\b(?:FROM|JOIN)\s+(?:events|visits|bots|refusals|received|firsts|identities|touched|heat)\b")


def test_no_module_of_the_engine_names_a_table_of_what_was_recorded_in_from() -> None:
    """FROM is written by `reports/query/sql/tables.py`, which puts the tenant into it."""
    found = []
    for name in sources():
        if name.startswith("reports/query/"):
            strings = (
                node for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.Constant)
            )
            found += [f"{name}:{one.lineno}" for one in strings if RECORDED.search(str(one.value))]
    assert found == []


def test_only_upkeep_reads_the_rows_of_all_tenants() -> None:
    found = set()
    for name in sources():
        for function in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(function, ast.FunctionDef):
                calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
                if any(isinstance(one, ast.Name) and one.id == "rows_of_all_tenants" for one in calls):
                    found.add((name, function.name))
    assert found == READS_ALL_TENANTS


def test_only_the_store_imports_the_database_driver_and_never_at_module_level() -> None:
    for name in sources():
        text = (ROOT / name).read_text()
        if re.search(r"\b(?:import|from)\s+(?:clickhouse_connect|chdb)\b", text):
            assert name.startswith("tracking/store/"), name
            assert not re.search(r"^(?:import|from)\s+(?:clickhouse_connect|chdb)\b", text, re.M), name


@pytest.mark.parametrize("ending", [".py", ".html", ".css", ".js"])
def test_no_file_is_longer_than_anyone_wants_to_read(ending: str) -> None:
    long = {}
    for name in tracked():
        if not name.endswith(ending) or name.endswith(".min.js") or "/migrations/" in name or "/vendor/" in name:
            continue
        lines = (ROOT / name).read_text().count("\n")
        if lines > MOST_LINES:
            long[name] = lines
    assert long == {}


def test_the_top_level_is_the_agreed_one() -> None:
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL
