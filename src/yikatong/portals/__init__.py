"""Portals: web pages by audience; today the public ones: check, calculator, guide, questions."""
