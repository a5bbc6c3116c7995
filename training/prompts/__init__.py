"""Where prompts come from: files and hub data sets, and the deterministic stream over them. Knows nothing of what
becomes of them."""
