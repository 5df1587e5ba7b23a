"""Files and folders whose tests all belong to another suite than the default one, by its mark.

Reading them and listing their tests, of which those of the API descriptions are generated, would be half of the
processor time before the first test.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

OTHER_SUITES = {
    "tests/browser": "browser", "tests/services": "services", "tests/heavy": "heavy",
    "tests/config/test_openapi_answers.py": "heavy", "tests/config/test_serve_command.py": "heavy",
    "tests/config/test_serve_workers.py": "heavy",
}  # fmt: skip


def leave_out_other_suites(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore, as pytest's hook, what the expression of marks would deselect as a whole; None: nothing to say."""
    mark = OTHER_SUITES.get(os.path.relpath(collection_path, config.rootpath))
    return True if mark and f"not {mark}" in config.option.markexpr else None
