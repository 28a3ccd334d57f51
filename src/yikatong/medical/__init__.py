"""Care: providers, catalog, filings; later visits, settlement, reconciliation, clearing."""
