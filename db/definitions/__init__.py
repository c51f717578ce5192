"""What a type's JSON Schema says about its resources' data: no SQL, no waiting."""

from db.definitions.definitions import Definition, compile_definition
from db.definitions.paths import check_display_path, external_id_of
from db.definitions.readings import Reading, read_schema
from db.definitions.states import ReferenceFound

__all__ = [
    "Definition",
    "Reading",
    "ReferenceFound",
    "check_display_path",
    "compile_definition",
    "external_id_of",
    "read_schema",
]
