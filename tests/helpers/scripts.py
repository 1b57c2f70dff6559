"""Scripts of the examples and the guides, imported from their files."""

import importlib.util


def load(path):
    """The module in a file, which is run anew."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
