"""Codes as they are compared: the same way when given, looked up and marked used."""

#: ASCII letters to upper case, and out with every hyphen: minus, soft, non-breaking, wide, small.
_PLAIN = str.maketrans(
    "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "-\u00ad\u2010\u2011\ufe63\uff0d"
)


def normalise(code: str) -> str:
    """A code as codes are compared: upper case, without white space and hyphens.

    Only ASCII letters change; any other character stays, and so matches no code there is.
    """
    if code.isascii() and code.isalnum():
        return code.upper()
    return "".join(code.split()).translate(_PLAIN)


def why_no_code(code: str) -> str | None:
    """What keeps a text from being a code that somebody made, in words."""
    plain = normalise(code)
    if not plain:
        return "nothing but spaces and hyphens, which don't count"
    if not (plain.isascii() and plain.isprintable()):
        return "letters, digits and signs of ASCII are expected, which every till can type"
    return None
