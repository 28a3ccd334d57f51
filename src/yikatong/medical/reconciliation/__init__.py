"""Reconciliation with providers (对账): totals, details, and a file of what differs."""
