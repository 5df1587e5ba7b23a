"""Places and networks of addresses, from files below DATA_DIR/geo or named by GEOIP_CITY and GEOIP_ASN.

Reads MaxMind's nested records and the flat ones of ip-location-db (`{country_code, state1, city, latitude,
longitude}`), one file for both address families or one for each. Without files everything works and geography is
off. City data: IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0, named in the footer of every page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import maxminddb
from django.conf import settings
from django.http import HttpRequest

from tracking.network_table import Networks
from tracking.schema import Event

GeoRecord: TypeAlias = dict[str, Any]  # of a file of DB-IP or MaxMind
log = logging.getLogger(__name__)


@dataclass
class GeoDatabases:
    """The open files. `city` and `asn` map an address family (4, 6) to a reader."""

    city: dict[int, maxminddb.Reader] = field(default_factory=dict)
    asn: dict[int, maxminddb.Reader] = field(default_factory=dict)
    networks: Networks | None = None


def get_geo_directory() -> Path:
    """Return the directory in which `make geo` installs the files."""
    return Path(settings.DATA_DIR) / "geo"


@lru_cache(maxsize=1)
def load_databases() -> GeoDatabases:
    """Open the installed files, once."""
    result = GeoDatabases()
    for path in _list_files(settings.GEOIP_CITY, "*city*.mmdb"):
        _open_file(path, result.city)
    for path in _list_files(settings.GEOIP_ASN, "*asn*.mmdb"):
        _open_file(path, result.asn)
    table = (
        Path(settings.GEOIP_ASN) if settings.GEOIP_ASN.endswith(".table") else get_geo_directory() / "networks.table"
    )
    if table.exists():
        try:
            result.networks = Networks.load(table)
        except ValueError as error:
            log.warning("%s is ignored: %s", table, error)
    return result


def from_dbip() -> bool:
    """Return whether places come from DB-IP: the files that `make geo` installs, unless GEOIP_CITY names others."""
    return not settings.GEOIP_CITY or "dbip" in settings.GEOIP_CITY.lower()


def reload() -> None:
    """Close the files and clear the cache, to open changed ones."""
    load_databases.cache_clear()
    look_up.cache_clear()


def list_available() -> dict[str, bool]:
    """Return which databases are installed: {"places": …, "networks": …}."""
    databases = load_databases()
    return {"places": bool(databases.city), "networks": bool(databases.asn or databases.networks)}


@lru_cache(maxsize=50_000)
def look_up(address: str) -> Event:
    """Look up the columns of an address: country, region, city, latitude, longitude, asn, organization."""
    version = 6 if ":" in address else 4
    databases = load_databases()
    result = _parse_place(_read_record(databases.city.get(version), address))
    network = _read_record(databases.asn.get(version), address)
    if network:
        result["asn"] = int(network.get("autonomous_system_number") or network.get("asn") or 0)
        result["organization"] = str(network.get("autonomous_system_organization") or network.get("org") or "")
    elif databases.networks is not None:
        number, name = databases.networks.find(address)
        if number:
            result["asn"], result["organization"] = number, name
    return result


def _list_files(configured: str, pattern: str) -> list[Path]:
    if configured:
        path = Path(configured)
        return sorted(path.glob("*.mmdb")) if path.is_dir() else [path] if configured.endswith(".mmdb") else []
    return sorted(get_geo_directory().glob(pattern))


def _open_file(path: Path, readers: dict[int, maxminddb.Reader]) -> None:
    """Open a file for the address family it holds; a file without "ipv4"/"ipv6" in its name may hold both."""
    try:
        reader = maxminddb.open_database(str(path), maxminddb.MODE_AUTO)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        log.warning("%s cannot be read, geography stays off for it: %s", path, error)
        return
    if reader.metadata().ip_version == 4 or "ipv4" in path.name:
        families: tuple[int, ...] = (4,)
    else:
        families = (6,) if "ipv6" in path.name else (4, 6)
    for version in families:
        readers.setdefault(version, reader)


def _read_record(reader: maxminddb.Reader | None, address: str) -> GeoRecord:
    if reader is None:
        return {}
    try:
        result = reader.get(address)
    except (ValueError, maxminddb.InvalidDatabaseError):
        return {}
    return result if isinstance(result, dict) else {}


def _parse_place(record: GeoRecord) -> Event:
    if not record:
        return {}
    if isinstance(record.get("country"), dict) or isinstance(record.get("location"), dict):
        record = _flatten_record(record)
    result: Event = {
        "country": str(record.get("country_code") or "").upper()[:2],
        "region": str(record.get("state1") or ""),
        "city": str(record.get("city") or ""),
        "latitude": float(record.get("latitude") or 0.0),
        "longitude": float(record.get("longitude") or 0.0),
    }
    return cast(Event, {name: value for name, value in result.items() if value})


def _flatten_record(record: GeoRecord) -> GeoRecord:
    """Convert MaxMind's nested record to the flat form."""

    def name(part: object) -> str:
        return str(part.get("names", {}).get("en", "")) if isinstance(part, dict) else ""

    location = record.get("location") or {}
    return {
        "country_code": (record.get("country") or {}).get("iso_code", ""),
        "state1": name((record.get("subdivisions") or [{}])[0]),
        "city": name(record.get("city")),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
    }


def add_geography(request: HttpRequest) -> dict[str, bool]:
    """Add `dbip` to the context of every template: whether places come from DB-IP, which its licence wants named."""
    return {"dbip": from_dbip()}
