"""Benefits: entitlements and what is due; pension, proof of life."""
