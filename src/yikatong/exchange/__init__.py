"""Exchange: regions and nodes talking to each other; today, which of them do not answer."""
