"""The committed files that are built equal a build of their sources, and those of the tracker are small."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import brotli
import pytest

STATIC = Path(__file__).resolve().parents[2] / "static"
TRACKER = STATIC / "tracker"
CORE_BYTES, PART_BYTES = 4864, 2048
BADGE_BYTES = 2560  # of the on-site widget, which is no part of the tracker
PARTS = sorted(path.stem for path in (TRACKER / "src").glob("*.js") if (TRACKER / f"{path.stem}.min.js").exists())


def small(path: Path) -> int:
    return len(brotli.compress(path.read_bytes(), quality=11))


def test_core_and_parts_are_below_their_size_limits(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {name: small(TRACKER / f"{name}.min.js") for name in PARTS}
    with capsys.disabled():
        print("\ntracker, bytes by brotli:", ", ".join(f"{name} {size}" for name, size in sizes.items()))
    assert sizes.pop("core") <= CORE_BYTES
    assert sizes.pop("onsite") <= BADGE_BYTES
    assert sizes.keys() == {"form", "heat", "keep", "media", "widget"}
    assert max(sizes.values()) <= PART_BYTES


def test_the_built_files_match_their_sources() -> None:
    sources = hashlib.sha256()
    for path in sorted((TRACKER / "src").iterdir()):
        sources.update(f"{path.name}\n".encode() + path.read_bytes())
    built = json.loads((TRACKER / "built.json").read_text())
    assert built["sources"] == sources.hexdigest(), "run `make build-static` and commit what it makes"
    files = {name: hashlib.sha256((TRACKER / f"{name}.min.js").read_bytes()).hexdigest() for name in PARTS}
    assert built["files"] == files, "a minified file was changed by hand"


@pytest.mark.skipif(
    shutil.which("node") is None or not (STATIC / "node_modules" / "esbuild").exists(),
    reason="the builder is not installed (make setup installs it, where npm is there)",
)
def test_a_new_build_equals_the_committed_files() -> None:
    built = subprocess.run(["node", "build.mjs", "--check"], cwd=STATIC, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")


def test_every_minified_file_is_one_that_the_build_writes() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "*.min.*"], cwd=STATIC.parent, capture_output=True, text=True, check=True
    )
    copied = re.findall(r'"(\S+\.min\.js)": "', (STATIC / "vendor" / "build.mjs").read_text())
    entries = re.search(r"ENTRIES = \[(.*?)\]", (STATIC / "js" / "build.mjs").read_text(), re.S)
    assert entries
    bundles = [f"js/built/{name}.min.js" for name in re.findall(r'"(\S+)\.js"', entries[1])]
    written = {(STATIC / path).resolve() for path in [*copied, *bundles, *(f"tracker/{name}.min.js" for name in PARTS)]}
    assert {(STATIC.parent / name).resolve() for name in listing.stdout.split()} == written


def test_the_tracker_neither_evaluates_text_nor_names_the_product() -> None:
    for name in PARTS:
        code = (TRACKER / f"{name}.min.js").read_text()
        assert "eval(" not in code
        assert "Function(" not in code
        assert "footfall" not in code.lower()
