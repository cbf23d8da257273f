"""Generated from proto/persona/registry/v1 by `generate`."""
