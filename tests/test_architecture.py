"""The architecture: imports go down only, two places write SQL on events, files and functions stay readable."""

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
TOP_LEVEL = {
    "manage.py", "pyproject.toml", "README.md", "config", "sites", "tracking", "goals", "reports", "links",
    "accounts", "templates", "static", "tests", "Makefile", "requirements.lock", ".ci", ".gitignore",
    ".dockerignore", "Dockerfile", "compose.yaml", "LICENSE", "docs", "deploy", "CONTRIBUTING.md", "CHANGELOG.md",
    "SECURITY.md", ".env.example", ".editorconfig", ".pre-commit-config.yaml",
}  # fmt: skip
TABLES = "events|visits|bots|refusals|firsts|identities"
EVENT_SQL = re.compile(rf"\b(?:from|into|update|join|table)\s+(?:\w+\.)?(?:{TABLES})\b", re.I)
SQL_WRITERS = ("tracking/store/", "reports/query/")
REFERENCE = re.compile(r"^(accounts|sites|tracking|goals|reports|links|config)\.(\w+)")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listing.stdout.splitlines() if (ROOT / name).exists()]


def sources() -> list[str]:
    return [name for name in tracked() if name.endswith(".py") and name.split("/")[0] in BELOW]


def app_of(name: str) -> str:
    return name.split("/")[0]


def references(tree: ast.AST) -> Iterator[tuple[int, str]]:
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
                    yield node.lineno, found[1]


def upward(name: str) -> list[str]:
    tree = ast.parse((ROOT / name).read_text())
    allowed = BELOW[app_of(name)] | {app_of(name)}
    return [f"{name}:{line}: {other}" for line, other in references(tree) if other in BELOW and other not in allowed]


def test_imports_go_down_only() -> None:
    assert [found for name in sources() for found in upward(name)] == []


def test_an_upward_import_inside_a_function_would_be_found() -> None:
    tree = ast.parse("def late():\n    from links import models\n    ForeignKey('reports.Report')")
    assert {other for _, other in references(tree)} == {"links", "reports"}


def sql_strings(name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT_SQL.search(node.value):
            words = node.value.lower()
            if "select" in words or "insert" in words or "alter" in words or "delete" in words:
                yield f"{name}:{node.lineno}"


def test_sql_on_events_is_written_by_the_store_and_the_query_engine_only() -> None:
    strays = [name for name in sources() if not name.startswith(SQL_WRITERS)]
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
def test_no_file_is_too_long_to_read(ending: str) -> None:
    long = {}
    for name in tracked():
        if not name.endswith(ending) or name.endswith(".min.js") or "/migrations/" in name or "/vendor/" in name:
            continue
        lines = (ROOT / name).read_text().count("\n")
        if lines > MAX_FILE_LINES:
            long[name] = lines
    assert long == {}


def test_no_function_is_too_long_to_read() -> None:
    long = {}
    for name in sources():
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{name}:{node.lineno} {node.name}"] = lines
    assert long == {}


def test_the_top_level_is_the_agreed_one() -> None:
    assert {name.split("/")[0] for name in tracked()} <= TOP_LEVEL
