"""Samples from any server with OpenAI's chat interface, for evaluations: requests, replies, conversations, workers.
Independent of tokenizers, weights and engines."""
