"""The workbench of `openqwq verify`: labelled cases and degenerate answers against a verifier, each check in a process
that may hang or crash."""
