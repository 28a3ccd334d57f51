"""The desk of a provider that has no system of its own (医药机构工作台): pages for clinics and pharmacies."""
