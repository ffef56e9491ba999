"""What schemas are put together from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

JSON: Final = "application/json"
_MEANS: Final = {200: "OK", 201: "Made", 204: "Done", 304: "Not modified", 503: "Not fit"}


def number(least: int = 0, most: int = 2**53 - 1) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def text(least: int, most: int) -> Schema:
    return {"type": "string", "minLength": least, "maxLength": most}


def pattern(of_all: str) -> Schema:
    return {"type": "string", "pattern": f"^{of_all}$"}


def listed(items: Schema, least: int = 0, most: int = 10_000) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


def one_of(*schemas: Schema) -> Schema:
    return {"oneOf": list(schemas)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def each(names: str, schema: Schema) -> Schema:
    """Members or parameters that are all alike."""
    return dict.fromkeys(names.split(), schema)


def exactly(needed: Schema, optional: Schema | None = None) -> Schema:
    """An object with these members and no other."""
    properties = {**needed, **(optional or {})}
    return at_least(needed) | {"properties": properties, "additionalProperties": False}


def at_least(needed: Schema) -> Schema:
    """An object that may come to have further members."""
    return {"type": "object", "properties": needed, "required": list(needed)}


HEX16: Final = pattern("[0-9a-f]{32}")
HEX32: Final = pattern("[0-9a-f]{64}")
TEXT: Final = {"type": "string"}
BYTES: Final = {"type": "string", "format": "binary"}
UNTIL: Final = number(0, 2**32 - 1)

# A name means the same in every answer.
_MEMBERS: Final[Schema] = {
    **each("root_id link parent issuer holder delegator key hash before", HEX32),
    **each("id list_id", HEX16),
    **each("what agent purpose reason made_by name code kind message title detail", TEXT),
    **each("wanted given head token csrf unfit access_token token_type issued_token_type", TEXT),
    **each("at issued_at expires_at made_at registered_at heard_at first_seen", number()),
    **each("last_used fresh_until contained_at expires_in age", number()),
    **each("seq number already n first audit hop depth nodes uses refused killed more", number()),
    "until": UNTIL,
    "caveats": listed(at_least({"kind": {"type": ["string", "integer"]}})),
    "hops": listed(ref("Hop")),
    "failures": listed(ref("Failure")),
}


def answer(names: str, **more: Schema) -> Schema:
    """An answer with the members of these names; one with `?` may be null."""
    members = {}
    for name in names.split():
        plain = name.removesuffix("?")
        members[plain] = _MEMBERS[plain] if plain == name else or_null(_MEMBERS[plain])
    return at_least(members | more)


def operation(
    json: Schema | None = None,
    *,
    gives: Mapping[int, tuple[str, Schema] | None] | None = None,
    takes: Mapping[str, Schema] | None = None,
    query: Schema | None = None,
    headers: Schema | None = None,
    tool: str = "",
    effect: str = "read",
) -> Schema:
    """A route that answers 200 with `json`, or `gives` a media type and a schema by status.

    `takes` is a schema by media type. With a `tool` the call needs authority.
    """
    answers = {200: (JSON, json)} if json else gives or {}
    said: Schema = {
        "responses": {
            str(status): {"description": _MEANS[status]} | (_content([found]) if found else {})
            for status, found in answers.items()
        },
        "parameters": [
            {"name": name, "in": place, "required": False, "schema": schema}
            for place, named in (("query", query), ("header", headers))
            for name, schema in (named or {}).items()
        ],
    }
    if takes:
        said["requestBody"] = {"required": True, **_content(takes.items())}
    if tool:
        said["security"] = [{"presentation": []}, {"session": [], "csrf": []}]
        said["x-chaincred-tool"], said["x-chaincred-effect"] = tool, effect
    return said


def _content(schemas: Any) -> Schema:
    return {"content": {media: {"schema": schema} for media, schema in schemas}}
