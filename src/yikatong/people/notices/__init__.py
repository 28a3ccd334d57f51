"""Notices (通知): what a person is told, once, in the inbox and, where wanted, on the phone."""
