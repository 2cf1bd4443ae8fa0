"""One offer in words: how it is going, what it is, who changed what and when."""

from typing import Any

import orjson
import yaml


def offer_in_words(one: dict[str, Any]) -> str:
    """What `offers show` prints of a summary with ``code_space`` and ``history``."""
    return "\n\n".join([_state(one), _definition(one["offer"]), _changes(one["history"])])


def _state(one: dict[str, Any]) -> str:
    rate = one["redemption_rate"]
    share = "" if rate is None else f" ({rate:.2%})"
    lines = [
        f"{one['offer_id']}: {one['name']}, version {one['version']}",
        f"issued {one['issued']:,}, redeemed {one['redeemed']:,}{share}",
        f"last issued {one['last_issued_at'] or 'never'}, "
        f"last redeemed {one['last_redeemed_at'] or 'never'}",
    ]
    space = one["code_space"]
    if space:
        lines.append(f"codes issued {space['issued']:,} of {space['possible']:,} possible")
        if space["guessable"]:
            lines.append(f"Warning: {space['warning']}")
    return "\n".join(lines)


def _definition(offer: dict[str, Any]) -> str:
    """Without what sets nothing; a zero sets something."""
    text: str = yaml.safe_dump(_set(offer), sort_keys=False, allow_unicode=True, width=100)
    return text.rstrip()


def _set(content: Any) -> Any:
    if isinstance(content, dict):
        kept = {name: _set(inner) for name, inner in content.items()}
        return {
            name: inner
            for name, inner in kept.items()
            if inner is not False and inner not in (None, [], {})  # but zeros: 0 == False
        }
    return [_set(inner) for inner in content] if isinstance(content, list) else content


def _changes(history: list[dict[str, Any]]) -> str:
    lines = []
    for entry in history:
        more = "".join(
            f", {name} {entry[name]}" for name in ("scope", "items", "count") if name in entry
        )
        who = f" {entry['actor']}" if entry["actor"] else ""
        lines.append(f"{entry['at']}{who}: {entry['type']}{more}")
        lines += [
            f"    {change['field']}: {_json(change['before'])} -> {_json(change['after'])}"
            for change in entry.get("changes", ())
        ]
    return "\n".join(lines)


def _json(content: Any) -> str:
    return orjson.dumps(content).decode()
