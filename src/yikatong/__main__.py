"""`python -m yikatong`: the command line."""

from yikatong.cli import main

main()
