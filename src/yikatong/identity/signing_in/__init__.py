"""Signing in (登录): by PIN or password, by a code to the phone, by another device."""
