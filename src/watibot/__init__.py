"""WatiBot answers a hotel's guests and hands over to people when people are needed."""

from pathlib import Path

__version__ = "0.1.0"


def samples_folder() -> Path:
    """A made-up hotel: its file and its instructions, for the demonstration and the tests."""
    return Path(__file__).parent / "samples"
