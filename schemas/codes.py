"""Codes as they are compared: the same way when given, looked up and marked used."""

from unicodedata import normalize

#: ASCII letters to upper case, and out with every hyphen: minus, soft, non-breaking, wide, small.
_PLAIN = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-\u00ad\u2010\u2011\ufe63\uff0d"
)


def normalise(code: str) -> str:
    """A code as codes are compared: upper case, without white space and hyphens.

    No other letter becomes an ASCII one, so it matches no generated code.
    """
    if code.isascii() and code.isalnum():
        return code.upper()
    plain = "".join(code.split()).translate(_PLAIN)
    if plain.isascii():
        return plain
    return normalize("NFC", "".join(map(_upper, normalize("NFC", plain))))


def _upper(character: str) -> str:
    upper = character.upper()
    return character if upper.isascii() else upper
