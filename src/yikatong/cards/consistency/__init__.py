"""Consistency (数据核对): what is on file of a person and their card, and does not agree."""
