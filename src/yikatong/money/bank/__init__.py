"""The bank side of the card (金融应用): accounts, transfers, limits, orders, wealth products."""
