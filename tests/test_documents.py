"""The documents for developers and operators mention what exists, and only that."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = set(re.findall(r'(?:env\.get\(|read_setting\(env, )"([A-Z_]+)"', (ROOT / "config/env.py").read_text()))
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if path.name != "CHANGELOG.md"
)
PATH = re.compile(r"`((?:accounts|sites|tracking|goals|reports|links|config|tests|templates|static|docs)/[\w./-]*)`")


@pytest.mark.parametrize("name", ["README.md", ".env.example"])
def test_every_setting_is_documented_and_no_other(name: str) -> None:
    text = (ROOT / name).read_text()
    assert {setting for setting in SETTINGS if setting not in text} == set()
    if name == ".env.example":
        assert set(re.findall(r"^# ([A-Z_]+)=", text, re.M)) == SETTINGS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_a_document_names_exist(name: str) -> None:
    named = {path.rstrip("/") for path in PATH.findall((ROOT / name).read_text())}
    assert {path for path in named if "*" not in path and not (ROOT / path).exists()} == set()
