"""Yikatong (一卡通): the open platform behind a social-security card that works everywhere."""

__version__ = "0.1.0"
