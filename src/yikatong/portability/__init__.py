"""Portability: "can I use my card there, for this?" (异地能不能用)."""
