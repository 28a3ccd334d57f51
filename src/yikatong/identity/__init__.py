"""Identity: proving who one is (身份认证): sessions, staff, e-cards, verification, OpenID provider."""
