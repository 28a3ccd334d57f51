"""Filings for care elsewhere (异地就医备案)."""
