"""Documents (材料) of what people ask for: taken, kept sealed, shown, and deleted in time."""
