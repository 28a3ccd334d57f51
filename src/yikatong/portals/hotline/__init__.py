"""The hotline (12333 热线): find the caller by three facts, read out how things stand, note the call."""
