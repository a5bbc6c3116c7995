"""Rule verifiers: pure, deterministic and fast checks of form, length, language and behaviour."""
