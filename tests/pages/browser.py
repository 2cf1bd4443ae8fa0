"""A real headless Chromium: the machine's own, else one that this fetches when it is run."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The machine's own program; None where there is none, but perhaps playwright's."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def fetch() -> None:
    """Where the machine has none: Debian's package, elsewhere (or not as root) playwright's."""
    if chromium() is not None:
        return
    if os.geteuid() == 0 and _is_debian():
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ("update", "install -y --no-install-recommends chromium"):
            subprocess.run(
                ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0", *command.split()], check=True, env=quiet
            )
    else:
        command = "install --with-deps chromium-headless-shell"
        subprocess.run([sys.executable, "-m", "playwright", *command.split()], check=True)


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:  # no Linux, or one that doesn't say
        return False


@contextmanager
def browsing() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            browser.close()


if __name__ == "__main__":
    fetch()
