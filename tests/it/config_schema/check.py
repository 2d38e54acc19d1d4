"""Prints the paths of the samples that the schema refuses: check.py SCHEMA SAMPLE..."""

import json
import sys
import tomllib

import jsonschema

with open(sys.argv[1], "rb") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for path in sys.argv[2:]:
    with open(path, "rb") as file:
        if not validator.is_valid(tomllib.load(file)):
            print(path)
