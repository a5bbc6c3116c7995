"""Chat templates: which one a run uses, what is derived from it, the tokens of chats, and the check that both agree.
Independent of models, engines and training."""
