"""Kafka's jars: fetched where they are missing or damaged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.jars import class_path, kafka_version, locked_jars
from deploy.local import StackError
from deploy.process import choose_port, silent


@contextmanager
def mirror(jars: Path, cut: list[int]) -> Iterator[str]:
    """A Maven repository of the jars in that folder; `cut` are lengths of its first answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jar = jars / Path(self.path).name
            content = jar.read_bytes() if jar.exists() else b""
            if content and cut:
                content = content[: cut.pop()]
            self.send_response(200 if content else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The jars of this machine, and a cache folder of hard links to them that is used instead."""
    whole = class_path(silent)[0].parent
    folder = tmp_path / "cache" / "redeemonce" / f"kafka-{kafka_version()}"
    folder.mkdir(parents=True)
    for jar in locked_jars():
        try:
            os.link(whole / jar.name, folder / jar.name)
        except OSError:  # another file system
            (folder / jar.name).write_bytes((whole / jar.name).read_bytes())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return whole, folder


def use_repository(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jgo.conf").write_text(f"[repositories]\nmirror = {url}\n")
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "jgo.conf"))


def truncate(jar: Path) -> None:
    content = jar.read_bytes()
    jar.unlink()  # the link, not the file that others use
    jar.write_bytes(content[: len(content) // 2])


def test_damaged_and_missing_jars_are_fetched_again(
    cache: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a truncated jar, a missing one, and what a killed start left,
    whole, folder = cache
    truncate(folder / locked_jars()[0].name)
    (folder / locked_jars()[1].name).unlink()
    (folder / ".fetch-dead").mkdir()
    said: list[str] = []

    # when the jars are wanted, from a repository that at first sends too little,
    with mirror(whole, cut=[1000, 1000]) as url:
        use_repository(url, tmp_path, monkeypatch)
        jars = class_path(said.append)

    # then all are whole, and nothing else lies there.
    assert [jar.read_bytes() for jar in jars] == [(whole / j.name).read_bytes() for j in jars]
    assert sorted(folder.iterdir()) == sorted(jars)
    assert said == [f"fetching 2 of {len(jars)} jars of Kafka into {folder}"]


def test_without_a_repository_the_error_says_what_to_do(
    cache: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, folder = cache
    truncate(folder / locked_jars()[0].name)
    use_repository(f"http://127.0.0.1:{choose_port()}", tmp_path, monkeypatch)

    with pytest.raises(StackError, match=r"(?s)can't be fetched .*Connect this machine"):
        class_path(silent)
