"""The page of the documentation that lists the kinds of notices."""

from scripts import make_notices_page


def test_the_page_is_what_the_table_of_kinds_says() -> None:
    """Where this fails: python scripts/make_notices_page.py."""
    assert make_notices_page.PAGE.read_text(encoding="utf-8") == make_notices_page.page()
