"""Lists (批量申领): an employer or a school applies for many, every wrong row explained."""
