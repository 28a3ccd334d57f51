"""Pension (养老金): when, how much, application, adjustment, end."""
