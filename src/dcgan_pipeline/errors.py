"""The one error that a user's input can cause."""


class InputError(ValueError):
    """What the user gave breaks a rule.

    Its text is one line that names the rule, the actual value and the fix. The hooks print that line alone, without
    a traceback, and the run ends as FAILED with every earlier result in place.
    """
