"""What is wrong with a configuration's document, in the administrator's words."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


def unknown_keys(value: Any, kind: Any, where: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each key of `value` that the table `kind` does not have, with the keys that it has."""
    info = msgspec.inspect.type_info(kind)
    yield from _walk(value, info, where)


def _walk(value: Any, info: msgspec.inspect.Type, where: str) -> Iterator[tuple[str, str, list[str]]]:
    if isinstance(info, msgspec.inspect.StructType | msgspec.inspect.DataclassType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in info.fields}
        for key, inner in value.items():
            if key not in fields:
                yield where, key, sorted(fields)
            else:
                yield from _walk(inner, fields[key], f"{where}{key}.")
    elif isinstance(info, msgspec.inspect.VarTupleType) and isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _walk(inner, info.item_type, f"{where.removesuffix('.')}[{position}].")


def in_french(message: str, forms: Mapping[str, str]) -> str:
    """msgspec's message, for an administrator; one of an unforeseen form is passed on as it is.

    `forms` says what the texts that a pattern accepts look like.
    """
    reason, _, path = message.partition(" - at `$.")
    key = path.rstrip("`")
    if reason == "Invalid RFC3339 encoded date" or reason.startswith("Expected `date`"):
        return f"clé « {key} » : un jour est attendu, sans guillemets : 2026-12-28"
    if match := re.fullmatch(r"Expected `(.+)`, got `(.+)`", reason):
        return f"clé « {key} » : attendu {match[1]}, reçu {match[2]}"
    if match := re.fullmatch(r"Object missing required field `(.+)`", reason):
        full = f"{key}.{match[1]}" if key else match[1]
        return f"clé obligatoire « {full} » absente"
    if match := re.fullmatch(r"Expected `int` (>=|<=) (\d+)", reason):
        bound = "au moins" if match[1] == ">=" else "au plus"
        return f"clé « {key} » : un entier d'{bound} {match[2]} est attendu"
    if match := re.fullmatch(r"Invalid enum value ('.*')", reason):
        return f"clé « {key} » : valeur {match[1]} inconnue ; voir docs/configuration.md"
    if match := re.fullmatch(r"Expected `str` matching regex ('.+')", reason):
        form = next(form for pattern, form in forms.items() if repr(pattern) == match[1])
        what = "heure" if form == "HH:MM" else "adresse"
        return f"clé « {key} » : une {what} de la forme {form} est attendue"
    return message
