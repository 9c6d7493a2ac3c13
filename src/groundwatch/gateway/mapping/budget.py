"""What one evaluation may use: steps, output, and nothing else."""

from __future__ import annotations

from groundwatch.gateway.mapping.errors import TemplateLimitError

MAX_TEXT_CHARACTERS = 10 * 1024 * 1024
"""The service's payload limit; no string or output of a template may be longer."""
MAX_FOREACH_ITERATIONS = 1000
"""The service's own limit: a loop ends there, as Velocity's does."""
MAX_MACRO_DEPTH = 20
"""How deep macros and blocks may call each other (Velocity's own default)."""
CHARACTERS_PER_COMPARISON = 4096
"""How many characters of two texts are compared in one step: far more than are copied."""
_CHARACTERS_PER_STEP = 64
_TOO_MANY_STEPS = "the template needs too many steps"


class Budget:
    """Counts down the steps of one evaluation.

    A step is roughly one node of the template, one element of a list or 64 characters of a string, so that the
    remaining steps bound time and memory together: 1,000,000 steps take about a second.
    """

    __slots__ = ("depth", "mutated", "steps_left", "truncated_loops")

    def __init__(self, steps: int) -> None:
        self.steps_left = steps
        self.depth = 0
        self.mutated = False
        """True once the template changed a list or map, which may then contain itself many times over."""
        self.truncated_loops = 0

    def charge(self, steps: int) -> None:
        """Use up `steps`.

        Raises:
            TemplateLimitError: when none are left.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise TemplateLimitError(_TOO_MANY_STEPS)

    def charge_text(self, characters: int) -> None:
        """Use up what making or reading a text of this length costs, and refuse one that is too long."""
        if characters > MAX_TEXT_CHARACTERS:
            raise TemplateLimitError(f"a text has more than {MAX_TEXT_CHARACTERS} characters")
        # As `charge` does; a template charges for two dozen texts, most of them a few characters long.
        self.steps_left -= 1 + characters // _CHARACTERS_PER_STEP
        if self.steps_left < 0:
            raise TemplateLimitError(_TOO_MANY_STEPS)

    def enter(self) -> None:
        """Count one more macro or block that is being evaluated."""
        self.depth += 1
        if self.depth > MAX_MACRO_DEPTH:
            raise TemplateLimitError(f"macros nest more than {MAX_MACRO_DEPTH} deep")

    def leave(self) -> None:
        """Count one less."""
        self.depth -= 1
