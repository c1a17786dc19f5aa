"""`python -m watibot`: the same as `watibot`."""

from watibot.cli import main

if __name__ == "__main__":
    main()
