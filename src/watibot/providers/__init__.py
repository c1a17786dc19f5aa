"""The adapters to Google and to staff: the only place where their libraries are known.

`wiring.py` makes them; the service sees the promises of `ports/outside.py`.
"""
