"""Contributions (社会保险缴费): rates and bases as data, bills, employers' lists, payments."""
