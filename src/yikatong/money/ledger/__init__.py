"""The ledger (总账): double entry, only ever added to, exact to the fen."""
