"""Policies: reimbursement rules (报销政策) as dated data, and the pure engine that applies them."""
