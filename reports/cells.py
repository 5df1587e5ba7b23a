"""Cells of spreadsheets: what a stranger wrote must not become a formula."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(value: object) -> object:
    """The value for a CSV file; text that a spreadsheet would run gets an apostrophe in front, numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
