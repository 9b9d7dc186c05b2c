"""The running service against its own OpenAPI document, thousands of generated requests at a time."""
