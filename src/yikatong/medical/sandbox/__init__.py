"""The developer's sandbox: test providers, plays, faults, and a client to learn from."""
