"""Wealth products (理财产品): risk rating, purchase, interest day by day, redemption."""
