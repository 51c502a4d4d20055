"""``python -m vshop.cli``, for callers without the ``vshop`` script."""

from vshop.cli import main

if __name__ == "__main__":
    main()
