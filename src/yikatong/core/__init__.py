"""What all rooms stand on: database, settings, clock, money, regions, errors."""
