"""Unemployment benefit (失业保险金): claimed anywhere, collected at the place of insurance or residence."""
