"""A real headless Chromium: the machine's own, else one that playwright fetches."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """Its program; None where only playwright's own is there, which is fetched then."""
    for name in _NAMES:
        if found := shutil.which(name):
            return found
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium-headless-shell"],
        check=True,
    )
    return None


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
