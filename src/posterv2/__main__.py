"""`python -m posterv2` is `posterv2`."""

from posterv2.cli import main

main()
