"""What an audit found, for people. By itself: what makes an audit is a lot to import."""

from streams.audit import Verdict
from streams.cli.output import console


def print_verdict(verdict: Verdict) -> None:
    compared = ", ".join(f"{count:,} {name}" for name, count in verdict.compared.items())
    console.print(f"Audit compared {compared}.")
    for note in verdict.notes:
        console.print(f"  note: {note}")
    for difference in verdict.differences:
        console.print(f"  [red]difference:[/red] {difference}")
    console.print("[green]They agree.[/green]" if verdict.ok else "[red]They disagree.[/red]")
