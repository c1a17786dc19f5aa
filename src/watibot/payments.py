"""Whether a picture proves a payment: our own rules over what the model read. Pure."""
