"""The hotline (12333 热线): find the caller by three facts, read out how things stand, note the call."""

from typing import Final

TEMPLATES: Final = ("hotline-start.html", "hotline-call.html", "hotline-bill.html")
