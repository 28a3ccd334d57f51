"""Payment runs (发放批次): a region's benefit of a month, prepared, checked, approved, paid."""
