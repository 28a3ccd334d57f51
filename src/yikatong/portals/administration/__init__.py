"""Pages of administrators: members of staff, machines, services that let people sign in, keys."""

TEMPLATES = (
    "members.html", "member.html", "member-new.html", "handed.html", "machines.html",
    "machine-new.html", "clients.html", "client-new.html", "keys.html",
)  # fmt: skip
