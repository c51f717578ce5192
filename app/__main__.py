"""`python -m app` is `sheaf`."""

from app.cli import main

main()
