"""Proof of life (领取资格认证): that who draws a pension lives."""
