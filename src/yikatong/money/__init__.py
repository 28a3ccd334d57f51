"""Money: the ledger, the bank side of the card, medical accounts, contributions."""
