"""Verification (身份核验): a service asks whether somebody is who they say; the answer is yes or no."""
