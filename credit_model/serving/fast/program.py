"""The features of one decision as a program of small steps in NumPy.

Polars is made for many rows: for one customer its fixed cost per expression exceeds the work. The catalogue's expressions are
therefore translated once into NumPy calls on the customer's rows and plain arithmetic on their results. No feature is defined
here: the expressions define them, and the results are those of Polars, to the last bit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from credit_model.features.expression import Expression, Operand
from credit_model.features.plan import FeaturePlan
from credit_model.serving.fast import kernels
from credit_model.serving.fast.kernels import Value

Layer = Mapping[str, Expression]
_Step = tuple[Callable[..., Any], int, tuple[int, ...]]


@dataclass(frozen=True)
class Program:
    """Steps over numbered slots; a run changes nothing in it, so that threads may share it.

    Attributes:
        constants: the value of each slot at the start.
        inputs: slot of each column of a history and of each attribute that is read.
        steps: for each step a function, the slot of its result and the slots of its arguments.
        outputs: slot of each feature.
    """

    constants: tuple[Any, ...]
    inputs: Mapping[str, int]
    steps: tuple[_Step, ...]
    outputs: Mapping[str, int]

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Value]:
        """Compute the features of a decision, by name.

        Args:
            inputs: every input by name. Columns of its history, which has at least one row: numbers, moments in
                microseconds, ``Texts``. Its ``as_of`` in microseconds; its attributes.
        """
        slots = list(self.constants)
        for name, slot in self.inputs.items():
            slots[slot] = inputs[name]
        for function, slot, arguments in self.steps:
            slots[slot] = function(*[slots[argument] for argument in arguments])
        return {name: slots[slot] for name, slot in self.outputs.items()}


def program_of(plan: FeaturePlan) -> Program:
    """The program of a plan's features, for one decision with at least one transaction.

    Raises:
        KeyError: a feature has an operation without a NumPy form.
    """
    return translate(plan.rows, plan.aggregates, plan.features)


def translate(rows: Sequence[Layer], aggregates: Layer, features: Layer) -> Program:
    """The program of a feature plan.

    Args:
        rows: layers of columns of a transaction, each computed from those before it.
        aggregates: computed from the columns.
        features: computed from the aggregates and the attributes.

    Raises:
        KeyError: an operation has no NumPy form.
    """
    writer, columns = _Writer(), dict[str, int]()
    for layer in rows:
        columns |= writer.write_all(layer, columns)
    outputs = writer.write_all(features, writer.write_all(aggregates, columns))
    return Program(tuple(writer.constants), writer.inputs, tuple(writer.steps), outputs)


class _Writer:
    """Writes steps; what was written before is not written again."""

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.inputs: dict[str, int] = {}
        self.steps: list[_Step] = []
        self._written: dict[tuple[Any, ...], int] = {}

    def write_all(self, layer: Layer, names: Mapping[str, int]) -> dict[str, int]:
        """The slot of each expression, by its name; ``names`` are the slots of the columns that it may read."""
        return {name: self._write(expression, names) for name, expression in layer.items()}

    def _write(self, operand: Operand, names: Mapping[str, int]) -> int:
        if not isinstance(operand, Expression):
            return self._slot(operand, type(operand), operand)
        if operand.operation == "col":
            name = str(operand.operands[0])
            return names[name] if name in names else self._input(name)
        function = kernels.FUNCTIONS[operand.operation]
        return self._step(function, *(self._write(o, names) for o in operand.operands))

    def _input(self, name: str) -> int:
        if name not in self.inputs:
            self.inputs[name] = self._slot(None, "input", name)
        return self.inputs[name]

    def _step(self, function: Callable[..., Any], *arguments: int) -> int:
        if function in kernels.OF_SERIES:
            arguments = (self._step(kernels.series, *arguments),)
        if (function, arguments) not in self._written:
            self.steps.append((function, self._slot(None, function, arguments), arguments))
        return self._written[function, arguments]

    def _slot(self, value: Any, *key: Any) -> int:
        if key not in self._written:
            self._written[key] = len(self.constants)
            self.constants.append(value)
        return self._written[key]
