"""The OpenID provider (统一登录): people log in to other services with their card."""
