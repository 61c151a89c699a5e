"""How facts are held against expectations: comparison, regex, JSONPath, JSON Schema, each with bounded work. Pure."""
