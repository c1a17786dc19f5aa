"""WatiBot answers a hotel's guests and hands over to people when people are needed."""

__version__ = "0.1.0"
