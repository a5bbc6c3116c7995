"""Seeded changes of BFCL's references: calls that should still be accepted and calls that should not be."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.tool_calls import ParsedCall

FOREIGN_TEXTS = (
    "true", "false", "5", "-3", "2.5", "1e3", "7L", "7l", "3.5f", "9n", '"a b"', "'c'", "{}", "[1, 2]", "[[1, 2], [3]]",
    "[]", "null", "", "new int[]{1, 2}", "new ArrayList<>()", "new HashMap<>()", '{"a": 1, "b": [1, 2]}', "x.y()",
    'new HashMap<String, Object>() {{ put("k", 1); }}', 'new String[]{"x", y}', "new Array(1, 2)",
    'new ArrayList<String>(Arrays.asList("a", "b"))', "new ArrayList<Integer>() {{ add(1); add(2); }}",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (
    "",
    None,
    True,
    False,
    0,
    1,
    1.0,
    -1,
    [],
    {},
    "x",
    [[]],
    {"a": 1},
    (1, 2),
    "1",
    10**30,
    [""],
    [{}],
)


KINDS = (
    *("same", "same", "same", "option", "option", "order", "value", "value", "value"),
    *("odd", "without", "extra", "name", "calls", "foreign"),
)
TURN_KINDS = ("none", "drop", "again", "swap", "value", "value", "value", "empty", "late", "unknown", "extra")
ODD_TEXTS = (
    "2 * 3 + 1", "-5", "+5", "not True", "x", "f(a=1)", "g(1)", "a.b", "d[0]", "d['k']", "...", "(1, 2)", "{1}", "*x",
    "-x",
    "'a' 'b'", "'a' + 'b'", "f'{x}'", "1e999", "b'x'", "2 ** 10", "7 / 2", "[i for i in x]", "{'a': g(x=1)}", "{**x}",
    "-(-5)", "1_000", "0x10", "1j", "None", "true", "5 % 3", "x or y", "u'é'", "1 if x else 2", "lambda: 1",
)  # fmt: skip
OTHER_CALLS = (
    Call("ls"), Call("pwd"), Call("get_stock_info", (), {"symbol": "AAPL"}), Call("ls", (), {"a": True}),
    Call("displayCarStatus", (), {"option": "fuel"}), Call("touch", (), {"file_name": "new.txt"}),
)  # fmt: skip


def respelled(text: str, chance: random.Random) -> str:
    """The same letters with other case, blanks and punctuation."""
    changed = [part + chance.choice(["", "", "", " ", ",", ".", "-", "_", "/", "*", "^"]) for part in text]
    return chance.choice([str.upper, str.lower, str.title, str.swapcase, str])("".join(changed))


def changed_text(text: str, chance: random.Random) -> Any:
    place = chance.randrange(len(text) + 1)
    return chance.choice([
        text[:place] + "q" + text[place:], text[:place] + text[place + 1 :], text + "!", text.replace("a", "e"),
        text.replace("'", '"'), text.replace('"', "'"), f"{text}\n", text[::-1], [text], {"value": text}, f" {text} ",
        text.split(), text.encode("unicode_escape").decode(), text.replace(" ", "\u00a0"), text.casefold(),
        text + "\u200b",
    ])  # fmt: skip


def changed_number(value: Any, chance: random.Random) -> Any:
    ways: list[Callable[[], Any]] = [
        lambda: value + 1, lambda: -value, lambda: float(value), lambda: int(value), lambda: str(value),
        lambda: value + 1e-9, lambda: [value], lambda: bool(value), lambda: not value, lambda: value * 10,
        lambda: f"{value} ", lambda: complex(value),
    ]  # fmt: skip
    return chance.choice(ways)()


def changed_list(value: Sequence[Any], chance: random.Random) -> Any:
    items = list(value)
    place = chance.randrange(len(items)) if items else 0
    with_one = [*items[:place], changed(items[place], chance), *items[place + 1 :]] if items else [1]
    return chance.choice([
        with_one, with_one, items[::-1], items[1:], [*items, *items[:1]], tuple(items), [items],
        ", ".join(map(str, items)),
        {str(number): item for number, item in enumerate(items)}, [*items, None], chance.sample(items, len(items)),
        [same(item, chance) for item in items],
    ])  # fmt: skip


def changed_object(value: Mapping[str, Any], chance: random.Random) -> Any:
    keys = list(value)
    some = chance.choice(keys) if keys else "a"
    return chance.choice([
        {key: item for key, item in value.items() if key != some}, dict(value) | {"more": 1}, [value],
        list(value.items()),
        dict(value) | {some: changed(value.get(some), chance)}, dict(value) | {some: chance.choice(ODD_VALUES)},
        {key.upper(): item for key, item in value.items()}, dict(reversed(list(value.items()))), str(dict(value)),
        {key: same(item, chance) for key, item in value.items()},
    ])  # fmt: skip


def same(value: Any, chance: random.Random) -> Any:
    """A value that the checker should take for the same, where there is another one."""
    if isinstance(value, str):
        return respelled(value, chance)
    if isinstance(value, list):
        return [same(item, chance) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def changed(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.15:
        return chance.choice(ODD_VALUES)
    if isinstance(value, str):
        return changed_text(value, chance)
    if isinstance(value, bool):
        return chance.choice([not value, int(value), str(value), str(value).lower(), None])
    if isinstance(value, int | float):
        return changed_number(value, chance)
    if isinstance(value, list | tuple):
        return changed_list(value, chance)
    return changed_object(value, chance) if isinstance(value, dict) else "x"


def other_option(
    call: ParsedCall, gold: Mapping[str, Mapping[str, Sequence[Any]]], chance: random.Random
) -> ParsedCall:
    """Arguments taken from all allowed values, and optional ones left out."""
    arguments = {}
    for name, values in next(iter(gold.values())).items():
        if "" in values and chance.random() < 0.5:
            continue
        options = [value for value in values if value != ""]
        plain = options and not isinstance(call.arguments.get(name), dict | list)
        arguments[name] = chance.choice(options) if plain else call.arguments.get(name, "")
    return ParsedCall(call.name, arguments)


def foreign(call: ParsedCall, chance: random.Random) -> ParsedCall:
    """Texts of Java or JavaScript with small changes, or others in their place."""
    arguments = dict(call.arguments)
    if arguments:
        name = chance.choice(list(arguments))
        text = str(arguments[name])
        place = chance.randrange(len(text) + 1)
        arguments[name] = chance.choice([
            chance.choice(FOREIGN_TEXTS), text.replace('"', ""), f"{text} ", f'"{text}"',
            text[:place] + text[place + 1 :],
            text.replace(", ", " ,  "), text.replace("{", "[").replace("}", "]"), text + "L", text + "f", text.upper(),
            text[:place] + chance.choice("(){}[]<>,;:\"' 1") + text[place:], 5, True, [text], text.replace(" ", ""),
        ])  # fmt: skip
    return ParsedCall(call.name, arguments)


def mutated(
    calls: Sequence[ParsedCall], golds: Sequence[Any], chance: random.Random, is_foreign: bool
) -> list[ParsedCall]:
    """One change of a row's calls, or none."""
    listed = list(calls)
    place = chance.randrange(len(listed))
    call = listed[place]
    arguments = dict(call.arguments)
    names = list(arguments)
    some = chance.choice(names) if names else ""
    kind = chance.choice(KINDS)
    if kind == "foreign" or (is_foreign and kind in ("value", "odd", "same")):
        if is_foreign:
            listed[place] = foreign(call, chance)
    elif kind == "same":
        listed = [
            ParsedCall(each.name, {key: same(item, chance) for key, item in each.arguments.items()}) for each in listed
        ]
    elif kind == "option":
        listed = [other_option(each, gold, chance) for each, gold in zip(listed, golds, strict=True)]
    elif kind == "order":
        listed = [ParsedCall(each.name, dict(reversed(list(each.arguments.items())))) for each in reversed(listed)]
    elif kind == "value" and some:
        listed[place] = ParsedCall(call.name, arguments | {some: changed(arguments[some], chance)})
    elif kind == "odd" and some:
        listed[place] = ParsedCall(call.name, arguments | {some: chance.choice(ODD_VALUES)})
    elif kind == "without" and some:
        listed[place] = ParsedCall(call.name, {key: item for key, item in arguments.items() if key != some})
    elif kind == "extra":
        listed[place] = ParsedCall(
            call.name, arguments | {chance.choice(["more", some.upper(), ""]): chance.choice(ODD_VALUES)}
        )
    elif kind == "name":
        name = chance.choice(
            [call.name.replace(".", "_"), call.name.upper(), call.name + "s", call.name.rpartition(".")[2]]
        )
        listed[place] = ParsedCall(name, arguments)
    elif kind == "calls":
        listed = chance.choice(
            [listed[1:], [*listed, call], [*listed, *listed], [call] * len(listed), chance.sample(listed, len(listed))]
        )
    return listed


def as_text(calls: Sequence[ParsedCall], chance: random.Random) -> str:
    """Calls in BFCL's prompt form, some of them damaged or with expressions as values."""
    texts = []
    for call in calls:
        values = [f"{key}={value!r}" for key, value in call.arguments.items()]
        if chance.random() < 0.5:
            values.append(f"odd={chance.choice(ODD_TEXTS)}")
        if chance.random() < 0.1:
            values.insert(0, chance.choice(["3", "**more", "*more"]))
        texts.append(f"{call.name}({', '.join(values)})")
    text = f"[{', '.join(texts)}]"
    place = chance.randrange(len(text) + 1)
    return chance.choice([
        text, text, text, text[1:], text[:-1], text[1:-1], f"```\n{text}\n```", f"```python\n{text}\n```", f"'{text}'",
        f"{text}.", f"I call {text}", text[:place] + text[place + 1 :], f"({text})", "\n".join(texts), f" {text} ",
        text.replace("=", ":"), f"[{text}]", f"{text}, {text}", "",
    ])  # fmt: skip


def changed_turns(turns: Sequence[Sequence[Call]], chance: random.Random) -> list[list[list[Call]]]:
    """The reference's turns as steps, most with one change."""
    steps = [[[call] for call in calls] for calls in turns]
    if chance.random() < 0.2:
        steps = [[list(calls)] if calls else [] for calls in turns]
    filled = [number for number, turn in enumerate(steps) if turn]
    if not filled:
        return steps
    turn = steps[chance.choice(filled)]
    place = chance.randrange(len(turn))
    call = chance.choice(turn[place])
    kind = chance.choice(TURN_KINDS)
    if kind == "drop":
        del turn[place]
    elif kind == "again":
        turn.insert(place, turn[place])
    elif kind == "swap":
        turn.reverse()
    elif kind == "value" and (call.arguments or call.positional):
        turn[place] = [_changed_call(each, chance) if each is call else each for each in turn[place]]
    elif kind == "empty":
        turn.clear()
    elif kind == "late":
        steps[-1] = [turn.pop(place), *steps[-1]]
    elif kind == "unknown":
        turn.append([Call(chance.choice(["no_such_function", "_load_scenario", "__init__", "kill", "instance"]))])
    elif kind == "extra":
        turn.append([chance.choice(OTHER_CALLS)])
    return steps


def _changed_call(call: Call, chance: random.Random) -> Call:
    if call.arguments:
        name = chance.choice(list(call.arguments))
        return Call(call.name, call.positional, call.arguments | {name: changed(call.arguments[name], chance)})
    return Call(call.name, tuple(changed(value, chance) for value in call.positional))
