"""What a value breaks of a schema of an OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator


class Schemas:
    """The schemas of a document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Of a document as plain JSON values."""
        self._components = {"components": {"schemas": document["components"]["schemas"]}}
        self._validators: dict[str, Draft202012Validator] = {}

    def faults(self, name: str, value: Any) -> list[str]:
        """What a value breaks of the schema of this name: where, and which rule; nothing of the value."""
        if name not in self._validators:
            schema = {"$ref": f"#/components/schemas/{name}"} | self._components
            self._validators[name] = Draft202012Validator(schema)
        return [
            f"{error.json_path}: {'/'.join(map(str, list(error.schema_path)[-3:]))}"
            for error in self._validators[name].iter_errors(value)
        ]
