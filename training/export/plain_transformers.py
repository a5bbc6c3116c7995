"""A process of its own that answers conversations with transformers alone: what anybody gets who loads the export."""

import json
import sys
from typing import Any

sys.modules["openqwq"] = None  # type: ignore[assignment]  # an import of it fails, wherever it is installed

NUM_BEST = 8


def main() -> None:
    """Read the folder and the conversations from standard input; print the answers as JSON."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    asked = json.load(sys.stdin)
    tokenizer = AutoTokenizer.from_pretrained(asked["folder"])
    model: Any = AutoModelForCausalLM.from_pretrained(asked["folder"], dtype=getattr(torch, asked["dtype"])).eval()
    if torch.cuda.is_available():
        model.to("cuda")
    answers = [_answer(model, tokenizer, one, asked["new_tokens"], asked["room"]) for one in asked["conversations"]]
    print(json.dumps(answers))


def _answer(model: Any, tokenizer: Any, conversation: Any, new_tokens: int, room: int | None) -> dict[str, Any]:
    import torch

    answer: dict[str, Any] = {"prompt": [], "tokens": [], "best": [], "problem": None}
    tools = {"tools": conversation["tools"]} if conversation["tools"] else {}
    try:
        ids = tokenizer.apply_chat_template(
            conversation["messages"], add_generation_prompt=True, return_dict=False, **tools
        )
    except Exception as error:  # a template is a program: it raises whatever it likes
        return answer | {"problem": f"the template refuses it: {' '.join(str(error).split())[:120]}"}
    if room is not None and len(ids) >= room:
        return answer | {"problem": f"{len(ids)} tokens, and the model holds {room}"}
    left = new_tokens if room is None else min(new_tokens, room - len(ids))
    prompt = torch.tensor([ids], device=model.device)
    with torch.inference_mode():
        out = model.generate(
            input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False, temperature=None, top_p=None,
            top_k=None, max_new_tokens=left, output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
    tokens = out.sequences[0, len(ids) :].tolist()
    for logits in out.logits:
        values, indices = logits[0].float().topk(min(NUM_BEST, logits.shape[-1]))
        answer["best"].append(list(zip(indices.tolist(), values.tolist(), strict=True)))
    listed = model.generation_config.eos_token_id
    ends = listed if isinstance(listed, list) else [listed]
    return answer | {"prompt": list(ids), "tokens": tokens[:-1] if tokens[-1] in ends else tokens}


if __name__ == "__main__":
    main()
