"""Money: decimal strings outside, whole minor units (cents, paise) inside."""

from functools import cache, lru_cache

from babel.numbers import get_currency_precision, list_currencies

#: The most digits before the point: sums of a million bills stay exact in Lua's 53 bits.
MAX_WHOLE_DIGITS = 10
MONEY_PATTERN = rf"^[0-9]{{1,{MAX_WHOLE_DIGITS}}}(\.[0-9]{{1,4}})?$"


@cache
def decimals_of(currency: str) -> int:
    """How many decimals a currency has (INR 2, JPY 0), from CLDR. ValueError if it isn't one."""
    if currency not in list_currencies():
        raise ValueError(f"{currency!r} is not a currency (ISO 4217, three capital letters)")
    return int(get_currency_precision(currency))


@lru_cache(maxsize=65_536)
def to_minor(amount: str, decimals: int) -> int:
    """``"149.90"`` with 2 decimals is 14990. ValueError for more decimals than the currency has."""
    whole, _, part = amount.partition(".")
    if len(part) > decimals:
        if part[decimals:].strip("0"):
            raise ValueError(f"has more than {decimals} decimals")
        part = part[:decimals]
    return int(whole + part.ljust(decimals, "0"))


@lru_cache(maxsize=65_536)
def from_minor(minor: int, decimals: int) -> str:
    """14990 with 2 decimals is ``"149.90"``."""
    if not decimals:
        return str(minor)
    text = str(minor).rjust(decimals + 1, "0")
    return f"{text[:-decimals]}.{text[-decimals:]}"
