"""The card office: cards, their life, and applications for them."""
