"""Machines (接口凭证): services and providers that call the API, what each may do where."""
