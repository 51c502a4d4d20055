"""``python -m vshop.cli``: the command line where no script of it is on the path."""

from vshop.cli import main

if __name__ == "__main__":
    main()
