"""Signing keys (签名密钥): made here, published, rotated; the private part is sealed."""
