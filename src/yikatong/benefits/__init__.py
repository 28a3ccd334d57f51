"""Benefits: pension and unemployment entitlements; later calculation and payment runs."""
