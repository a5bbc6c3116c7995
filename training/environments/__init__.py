"""What answers the tool calls of a sample: the contract of environments, those that ship, users' own by their place.

Independent of engines, tokens and rewards."""
