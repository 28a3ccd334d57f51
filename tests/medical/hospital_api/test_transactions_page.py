"""The reference page says what the code does."""

from scripts import make_transactions_page


def test_the_page_is_as_the_code_makes_it() -> None:
    """Where this fails: python scripts/make_transactions_page.py."""
    written = make_transactions_page.PAGE.read_text(encoding="utf-8")
    assert written == make_transactions_page.page()
