"""Pages of administrators: members of staff, machines, services that let people sign in, keys."""
