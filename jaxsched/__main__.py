"""`python -m jaxsched`, and the command `jaxsched`."""

import sys

from ._cli import main as main

if __name__ == "__main__":
    sys.exit(main())
