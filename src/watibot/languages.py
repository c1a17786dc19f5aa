"""In which language a guest writes. Pure."""
