"""The counter (窗口): find a person, see the file, carry out errands, print receipts, the day's queue."""
