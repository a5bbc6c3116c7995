"""Chat templates: which one a run uses, what is derived from it, tokens of chats, and the check that both agree."""
