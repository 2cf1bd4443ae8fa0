"""Codes as the oracle sees them: how they are compared, and which offer's they are."""

from typing import Any

Codes = dict[str, Any]


def normalised(code: str) -> str:
    return "".join(code.split()).replace("-", "").upper()


def length_of(codes: Codes) -> int:
    """Characters of each of an offer's codes, 0 where it has no length of its own."""
    if codes["type"] == "unique":
        return int(codes["length"])
    return len(normalised(codes.get("sample") or codes.get("code") or ""))


def lead_of(codes: Codes) -> str | None:
    """How an offer's codes begin by what its definition says, the whole of a common one."""
    if codes["type"] == "common":
        return normalised(codes["code"])
    if codes["type"] == "randomised":
        return normalised(codes["sample"])[: len(codes["sample"]) // 2]
    return codes.get("prefix")


def looks_like(code: str, lead: str | None, length: int) -> bool:
    return lead is not None and len(code) == length and code.startswith(lead)


def possible(codes: Codes, lead: str) -> int:
    """How many different codes there are."""
    if codes["type"] == "unique":
        characters = 10 if codes["charset"] == "digits" else 36
        characters -= 5 if codes.get("no_lookalikes") else 0
    else:
        sample = normalised(codes["sample"])
        characters = 10 if sample.isdigit() else 26 if sample.isalpha() else 36
    return int(characters ** (length_of(codes) - len(lead)))


def editable(known: Codes, wanted: Codes, lead: str) -> bool:
    if wanted["type"] != known["type"]:
        return False
    if wanted["type"] == "unique":
        same = ("charset", "length", "no_lookalikes")
        return all(wanted.get(name) == known.get(name) for name in same) and wanted.get(
            "prefix"
        ) in (None, lead)
    return lead_of(wanted) == lead_of(known) and normalised(wanted.get("sample", "")) == normalised(
        known.get("sample", "")
    )
