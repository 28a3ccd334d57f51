"""Plans for going away (出行计划): kept, answered by the facts each time, reminded of in time."""
