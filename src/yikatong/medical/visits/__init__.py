"""Visits (就诊): register or admit, fee lines, quote, settle, reverse."""
