"""What must never happen."""


class Violation(Exception):
    """A promise was broken; the message says which."""
