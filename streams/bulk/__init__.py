"""Files of millions of rows, in and out: read row by row, sent with a bounded number under way."""


class FileError(Exception):
    """A file isn't what it was, or can't be written."""
