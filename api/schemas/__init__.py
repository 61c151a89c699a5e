"""The shapes of answers, as pydantic models: the OpenAPI is made from them, tests hold the answers to them."""
