"""What is wrong with an expression."""


class MathError(Exception):
    """The expression cannot be understood or evaluated; the text says why, for the caller to read."""
