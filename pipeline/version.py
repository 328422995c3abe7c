"""The version of Winnow, as installed."""

from importlib.metadata import version

VERSION = version("winnow")
