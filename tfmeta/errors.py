"""Errors that tell a user what to change."""


class InputError(ValueError):
    """Bad input from the user: an argument, a flag, a file or data.

    The message is one line that names the argument, what came and what was
    expected. The command line tools print it without a traceback, whereas any
    other error is a defect of the program and keeps its traceback.
    """
