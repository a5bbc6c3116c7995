"""Environments of others, unchanged, as environments of ours: classes for TRL, servers of OpenEnv, environments for
`verifiers`, MCP servers. A module here is imported when a recipe names its environment, and may need an extra.

Independent of engines, tokens and rewards."""
