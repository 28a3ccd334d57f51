"""Trust: the audit trail; later its chaining, misuse rules and data protection requests."""
