"""Files of millions of rows, in and out: read row by row, sent with a bounded number under way."""
