"""Every budget of the design beside its floor, measured in one run: `make bench`."""
