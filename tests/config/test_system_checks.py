"""Errors in the configuration are reported with an id and a hint before anything starts."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from config.env import read_env

ROOT = Path(__file__).resolve().parents[2]


def found(deploy: bool = False) -> dict[str, str]:
    return {
        str(problem.id).removeprefix("footfall."): problem.msg
        for problem in run_checks(tags=["footfall"], include_deployment_checks=deploy)
        if problem.hint
    }


def test_the_default_configuration_has_no_errors() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("number", "change"),
    [
        ("E002", {"trusted_proxies": ("10.0.0.0/8", "proxy.example")}),
        ("E003", {"allowed_outbound": ("10.0.0.0/40",)}),
        ("E011", {"dns_servers": ("192.0.2.1:5353", "dns.example")}),
        ("W001", {"trusted_proxies": ("0.0.0.0/0",)}),
        ("E006", {"redis_url": "http://127.0.0.1:6379"}),
        ("E007", {"email_url": "mail.example:25"}),
        ("W002", {"geoip_city": "/nowhere/city.mmdb"}),
    ],
)
def test_an_error_is_reported_by_its_id(settings: Settings, number: str, change: dict[str, Any]) -> None:
    settings.ENV = replace(settings.ENV, **change)
    assert set(found()) == {number}


@pytest.mark.parametrize(
    "url", ["stats.example.org", "ftp://x.example", "https://", "https://x.example/stats", "http://[", "http://x:0"]
)
def test_an_invalid_base_url_is_reported(settings: Settings, url: str) -> None:
    settings.BASE_URL = url
    assert set(found()) == {"E004"}


@pytest.mark.parametrize(
    "url", ["mysql://x", "chdb://relative/path", "clickhouse://", "clickhouse://a,b/db", "http://["]
)
def test_an_unusable_events_url_is_reported(settings: Settings, url: str) -> None:
    settings.EVENTS_URL = url
    assert set(found()) == {"E005"}


def test_checks_for_public_installations_run_with_deploy(settings: Settings) -> None:
    settings.EVENTS_URL = "clickhouse://events:8123/db"
    settings.ENV = replace(settings.ENV, redis_url="")
    settings.ALLOWED_HOSTS = ["*"]
    assert found() == {}
    assert {"W003", "W004"} <= set(found(deploy=True))
    settings.ALLOWED_HOSTS = ["stats.example.org"]
    settings.ENV = replace(settings.ENV, redis_url="redis://cache:6379/0")
    assert not {"W003", "W004", "W005"} & set(found(deploy=True))
    settings.EVENTS_URL = ""
    assert "W005" in found(deploy=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [  # a process each: those of the same kind are heavy
        ("DATABASE_URL", "mysql://u@h/d"),
        *(pytest.param(name, value, marks=pytest.mark.heavy)
          for name, value in (("PORT", "eighty"), ("EMAIL_URL", "smtp://h:x"), ("BASE_URL", "http://[::1"))),
    ],
)  # fmt: skip
def test_an_unreadable_setting_gives_a_message_and_no_traceback(tmp_path: Path, name: str, value: str) -> None:
    env = {**os.environ, "DATA_DIR": str(tmp_path), name: value}
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert "footfall.E001" in done.stderr and f"Correct {name}" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_invalid_port_leaves_the_default(tmp_path: Path) -> None:
    env = read_env({"DATA_DIR": str(tmp_path), "PORT": "eighty"})
    assert env.port == 8000
    assert [name for name, _ in env.mistakes] == ["PORT"]
