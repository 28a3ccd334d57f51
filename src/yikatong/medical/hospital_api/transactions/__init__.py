"""Transactions of the hospital interface, each translated into an order and back."""
