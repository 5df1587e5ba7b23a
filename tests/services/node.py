"""One ClickHouse node in a process of its own: python -m tests.services.node LIBRARY DIRECTORY CONFIG HTTP TCP

The library is chDB's, whose command line can listen. A fresh interpreter each; ends with SIGTERM.
"""

from __future__ import annotations

import ctypes
import sys

QUERY = (
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; "
    "SELECT sleepEachRow(1) FROM system.numbers "
    "SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0 FORMAT Null"
)


def main(library: str, directory: str, config: str, http: str, tcp: str) -> int:
    """Serve until somebody ends the process."""
    arguments = [
        "clickhouse", f"--path={directory}", f"--config-file={config}", "--listen_host=127.0.0.1",
        f"--http_port={http}", f"--tcp_port={tcp}", "--output-format=TabSeparated", f"--query={QUERY}",
    ]  # fmt: skip
    found = ctypes.CDLL(library)
    values = (ctypes.c_char_p * len(arguments))(*(text.encode() for text in arguments))
    return int(found.chdb_query_cmdline(len(arguments), values))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
