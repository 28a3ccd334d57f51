"""The desk of a provider that has no system of its own (医药机构工作台): pages for clinics and pharmacies."""

from typing import Final

TEMPLATES: Final = (
    "clinic-desk.html", "clinic-visit.html", "clinic-settlement.html", "clinic-day.html",
)  # fmt: skip
