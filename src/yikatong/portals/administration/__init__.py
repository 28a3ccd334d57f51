"""Pages of administrators: members of staff, machines, services that let people sign in, keys."""

TEMPLATES = (
    "members.html", "member.html", "member-new.html", "handed.html",
)  # fmt: skip
