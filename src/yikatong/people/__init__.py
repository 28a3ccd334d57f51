"""People: persons, their relations, and what they are insured for."""
