"""The page of the documentation that says who may do what."""

from scripts import make_access_page


def test_the_page_is_what_the_table_and_the_routes_say() -> None:
    """Where this fails: python scripts/make_access_page.py."""
    assert make_access_page.PAGE.read_text(encoding="utf-8") == make_access_page.page()
