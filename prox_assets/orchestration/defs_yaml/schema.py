"""The JSON schema of a component's attributes: what `dg check yaml` and editors know of a defs.yaml.

pydantic's schema is right, yet a checker that reads it can only say "not valid under any of the given schemas", or that
a key was unexpected. Here the schema is rewritten so that its errors name what is valid.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]


def schema_of(model: type[BaseModel]) -> Schema:
    """Return the JSON schema of a model; a wrong key or choice is told with the valid ones."""
    return _rewritten(model.model_json_schema())


def _rewritten(schema: Any) -> Any:  # noqa: ANN401 (any part of a JSON schema)
    if isinstance(schema, list):
        return [_rewritten(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _rewritten(part) for name, part in schema.items()}
    if parts.get("additionalProperties") is False and "properties" in parts:
        # The one says where the wrong key is, the other which keys there are.
        parts["propertyNames"] = {"enum": list(parts["properties"])}
    tag = parts.get("discriminator", {}).get("propertyName")
    if tag and "oneOf" in parts:
        return _by_tag(parts, tag)
    match parts.get("anyOf"):
        case [given, {"type": "null"}]:
            del parts["anyOf"]
            parts |= {"if": {"type": "null"}, "else": given}
    return parts


def _by_tag(schema: Schema, tag: str) -> Schema:
    """Return a tagged union as a check of its tag, then a check of the branch that the tag chooses."""
    branches: Mapping[str, str] = schema["discriminator"]["mapping"]
    rest = {name: part for name, part in schema.items() if name not in ("oneOf", "discriminator")}
    return {
        **rest,
        "type": "object",
        "properties": {tag: {"enum": list(branches)}},
        "required": [tag],
        "allOf": [
            {"if": {"properties": {tag: {"const": name}}, "required": [tag]}, "then": {"$ref": reference}}
            for name, reference in branches.items()
        ],
    }


def names_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """Return the settings that a model has at a place of a validation error."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    here: Schema = schema
    for key in loc:
        here = _below(here, str(key), definitions)
    return list(here.get("properties", {}))


def _below(schema: Schema, key: str, definitions: Mapping[str, Schema]) -> Schema:
    """Return the schema of a key: a property, a branch of a union by its tag or its model, or an item."""
    if key in schema.get("properties", {}):
        return _resolved(schema["properties"][key], definitions)
    references = {**_branches(schema), **schema.get("discriminator", {}).get("mapping", {})}
    for name, reference in references.items():
        # A model with validators of its own is called function-after[..., RefinerPair] or the like.
        if name == key or name in key:
            return _resolved({"$ref": reference}, definitions)
    inside = schema.get("items") or schema.get("additionalProperties")
    return _resolved(inside, definitions) if inside else schema


def _branches(schema: Schema) -> dict[str, str]:
    parts = (*schema.get("anyOf", ()), *schema.get("oneOf", ()), schema.get("else", {}))
    references = [part["$ref"] for part in parts if "$ref" in part]
    return {reference.rpartition("/")[2]: reference for reference in references}


def _resolved(schema: Any, definitions: Mapping[str, Schema]) -> Schema:  # noqa: ANN401 (any part of a JSON schema)
    if not isinstance(schema, dict):
        return {}
    if "$ref" in schema:
        return definitions.get(schema["$ref"].rpartition("/")[2], {})
    branches = _branches(schema)
    # An optional model: the error's path does not tell it from its branch.
    return _resolved({"$ref": next(iter(branches.values()))}, definitions) if len(branches) == 1 else schema
