"""The counter (窗口): find a person, see the file, carry out errands, print receipts, the day's queue."""

from typing import Final

TEMPLATES: Final = (
    "counter-desk.html", "counter-results.html", "counter-person.html", "counter-bill.html",
    "counter-errand.html", "counter-receipt.html", "counter-check.html",
    "counter-claim.html",
    "counter-review.html", "counter-pension.html",
)  # fmt: skip
