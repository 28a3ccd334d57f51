"""Acting for others (监护和代办): guardians by their relation, agents by recorded authority."""
