"""Reading a YAML file that a person wrote: every scalar stays text, and nothing stands twice."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class _Once(yaml.BaseLoader):
    """Every scalar is text, for a column may be called 007 and a language no; and no key stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        for name in names:
            if names.count(name) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{name} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: str, parameter: str, form: str) -> Any:
    """What a YAML file holds; None where that is nothing.

    Args:
        path: of the file.
        parameter: that names it, for an error.
        form: what to write into it, for an error.

    Raises:
        ValueError: the file is not there, or cannot be read.
    """
    try:
        return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_Once)
    except FileNotFoundError:
        raise ValueError(f"{parameter}: there is no file {path}; check the path") from None
    except yaml.MarkedYAMLError as fault:
        line = "" if fault.problem_mark is None else f" at line {fault.problem_mark.line + 1}"
        why = f"{parameter}: {path} cannot be read as YAML{line}: {fault.problem}"
        raise ValueError(f"{why}; {form}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise ValueError(f"{parameter}: {path} cannot be read as YAML; {form}") from None
