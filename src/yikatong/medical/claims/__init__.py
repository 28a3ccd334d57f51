"""Claims by hand (手工报销): a bill paid in full, reviewed, decided by the policy, paid to the card."""
