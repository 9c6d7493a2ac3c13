"""What can go wrong while a message is mapped.

MappingError             the definition is at fault: answered as a configuration error, with the reason in the log
├── TemplateSyntaxError  a template or JSONPath that cannot be parsed
└── TemplateLimitError   an evaluation that needs more than its budget of steps, depth or output
PayloadError             the message is at fault: not the JSON that the definition expects
"""

from __future__ import annotations


class MappingError(Exception):
    """A mapping that cannot be carried out; the text is for the log, never for the client."""


class TemplateSyntaxError(MappingError):
    """Text that is not in the language, with its place (both counted from 1)."""

    def __init__(self, problem: str, text: str, position: int) -> None:
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        super().__init__(f"{problem} at line {self.line}, column {self.column}")


class TemplateLimitError(MappingError):
    """A bound of the evaluation was reached."""


class PayloadError(Exception):
    """A payload that starts like JSON and is none."""
