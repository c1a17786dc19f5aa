"""A dead end that a person has to see to. Pure."""
