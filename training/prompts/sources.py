"""The rows of a source as training reads them: from files or the hub, by a published form and mapped columns, as plain
JSON."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from openqwq.training.config import PromptSource, Source
from openqwq.training.config.hub import stay_away_if_unreachable
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.prompts.files import Placed, Position, local_paths, read_paths, without_nulls
from openqwq.training.prompts.forms.catalogue import get_form, looks_like, read_by
from openqwq.training.prompts.forms.form import Outside, Unusable
from openqwq.training.prompts.forms.preferences import shared_prompt
from openqwq.training.prompts.openai_rows import as_objects
from openqwq.training.prompts.pins import check_number, check_rows, is_streamed
from openqwq.training.records import Prompt
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe

SHOWN = 3
Warn = Callable[[str], None]


def unheard(_: str) -> None:
    """A warning that nobody reads."""


def load_rows(source: Source, warn: Warn = unheard) -> list[dict[str, Any]]:
    """The rows of `source` with our column names, as plain JSON values, which a checkpoint restores exactly.

    Raises:
        DataError: as `placed_rows`.
    """
    return [row for _, row in placed_rows(source, warn)]


def placed_rows(source: Source, warn: Warn = unheard) -> list[tuple[str, dict[str, Any]]]:
    """The rows of `source` in its range, each with its place (`rows.jsonl:7`). What is left out is warned about.

    Raises:
        DataError: the data set cannot be read, has no row in the range, a value has no JSON form, or a mapped column is
            missing; with `check: stop`, a row that its form does not use; the rows are others than `sha256` and
            `num_rows` say.
        RecipeError: there is no such form, or it has no such option.
    """
    read, dropped, outside = [], dict[str, str](), 0
    for place, row in _in_range(source, warn):
        try:
            read.append((place, our_row(row, source, place)))
        except Outside:
            outside += 1
        except Unusable as reason:
            dropped[place] = str(reason)
    if outside and not read and not dropped:
        raise DataError(f"{source.source}: none of its {outside} rows is inside options={json_safe(source.options)}")
    say_dropped(source, dropped, len(read), warn)
    check_number(source, [row for _, row in read])
    return read


def raw_rows(source: Source) -> Iterator[Placed]:
    """All rows as they stand in the data, one at a time.

    Raises:
        DataError: they cannot be read.
    """
    if paths := local_paths(source.source):
        return read_paths(paths, source.split)
    if isinstance(source, PromptSource) and source.streaming:
        return ((place, row) for place, row, _ in hub_rows(source, Position()))
    name = source.source.rpartition("/")[2]
    return ((f"{name}:{number}", row) for number, row in enumerate(_read_hub(source), 1))


def _in_range(source: Source, warn: Warn) -> list[Placed]:
    start, stop = source.rows or (0, None)
    if source.sha256 is None or is_streamed(source):
        rows = list(islice(raw_rows(source), start, stop))
    else:
        every = list(raw_rows(source))
        check_rows(source, [row for _, row in every])
        rows = every[start:stop]
    if not rows:
        raise DataError(f"{source.source}: no rows" + (f" in rows={list(source.rows)}" if source.rows else ""))
    if stop is not None and len(rows) < stop - start:
        warn(f"{source.source}: rows={[start, stop]} asks for {stop - start} rows, there are {len(rows)} from {start}")
    return rows


def _read_hub(source: Source) -> Iterable[dict[str, Any]]:
    stay_away_if_unreachable()
    from datasets import load_dataset

    try:
        return [without_nulls(dict(row)) for row in load_dataset(source.source, source.subset, split=source.split)]
    except Exception as error:  # the hub client raises many kinds of errors; all mean that it is not readable
        raise _unreadable(source, error) from error


def hub_rows(source: Source, start: Position) -> Iterator[tuple[str, Any, Position]]:
    """Rows of a data set of the hub from a position on, read while they are taken, each with the position behind it.

    Raises:
        DataError: it cannot be read.
    """
    stay_away_if_unreachable()
    from datasets import load_dataset

    name = source.source.rpartition("/")[2]
    try:
        loaded = load_dataset(source.source, source.subset, split=source.split, streaming=True)
        for number, row in enumerate(loaded.skip(start.row), start.row + 1):
            yield f"{name}:{number}", without_nulls(dict(row)), Position(number)
    except Exception as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Source, error: Exception) -> DataError:
    return DataError(
        f"data set {source.source!r} (subset {source.subset}, split {source.split}) is neither a local file "
        f"nor readable from the hub: {type(error).__name__}: {' '.join(str(error).split())[:200]}; "
        "give a local file (eval: suites.NAME.source=FILE)"
    )


def our_row(row: Mapping[str, Any], source: Source, place: str) -> dict[str, Any]:
    """One raw row with our columns: by the form of the source, then by its `columns`.

    Raises:
        DataError: a column is missing, or a value has no JSON form.
        Unusable: its form does not use the row.
    """
    try:
        row = json_safe(row)
    except NotJsonSafe as error:
        raise DataError(f"{place}: {error}") from error
    mapped = dict(row) if source.form is None else _by_form(row, source.form, source.options, place)
    for ours, theirs in source.columns.items():
        if isinstance(theirs, str):
            mapped[ours] = _column(row, theirs, place)
        else:
            mapped[ours] = {inner: _column(row, name, place) for inner, name in theirs.items()}
    mapped = as_objects(mapped, place)
    if "prompt" not in mapped and isinstance(mapped.get("chosen"), list) and isinstance(mapped.get("rejected"), list):
        mapped |= shared_prompt(mapped["chosen"], mapped["rejected"])
    if isinstance(mapped.get("prompt"), str):
        mapped["prompt"] = _in_template(mapped["prompt"], source.template)
    return mapped


def _in_template(prompt: str, template: str) -> str:
    """The template with the prompt in it, or the prompt alone where it begins and ends as the template does: some
    copies of a benchmark come with the sentences that are put around its problems."""
    before, here, after = template.partition("{prompt}")
    has_it = here and "{prompt}" not in after and prompt.startswith(before) and prompt.endswith(after)
    return prompt if has_it else template.replace("{prompt}", prompt)


def _by_form(row: Mapping[str, Any], name: str, options: Mapping[str, Any], place: str) -> dict[str, Any]:
    form = get_form(name, options)
    try:
        return json_safe(read_by(form, row, options), place)  # type: ignore[no-any-return]
    except KeyError as error:
        has = f"the row has {', '.join(sorted(row))}"
        raise DataError(
            f"{place}: form {name!r} reads {form.gives}; {error.args[0]!r} is missing, {has}{hint(row)}"
        ) from error
    except (Unusable, RecipeError):
        raise
    except Exception as error:  # a row whose columns have the names of the form and other contents
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
        raise DataError(f"{place}: not readable by form {name!r}, {form.gives}: {words}") from error


def hint(row: Mapping[str, Any]) -> str:
    """The end of a message about a missing column."""
    near = looks_like(row)
    near = [*near[: SHOWN - 1], near[-1]] if len(near) > SHOWN else near
    return f". It looks like form {' or '.join(near)}: set `form: {near[0]}`" if near else ". Map it with `columns:`"


def _column(row: Mapping[str, Any], name: str, place: str) -> Any:
    """A column, or by a dotted path what lies inside one, which may be a text of JSON."""
    if name in row:
        return row[name]
    first, *path = name.split(".")
    if not path or first not in row:
        raise DataError(f"{place}: column {name!r} is missing; the row has {', '.join(sorted(row))}{hint(row)}")
    value = row[first]
    for done, part in enumerate(path, 1):
        value = _inside(value, part, ".".join([first, *path[: done - 1]]), place)
    return value


def _inside(value: Any, part: str, where: str, place: str) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: {where} is a text that is not JSON, so it has no {part!r}") from error
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    if isinstance(value, dict) and part in value:
        return value[part]
    has = ", ".join(sorted(value)) if isinstance(value, dict) else f"a {type(value).__name__}"
    raise DataError(f"{place}: {where} has no {part!r}; it has {has}")


def say_dropped(source: Source, dropped: Mapping[str, str], num_read: int, warn: Warn) -> None:
    """Warn about the rows that are left out, place -> reason.

    Raises:
        DataError: the source says `check: stop`, or no row is left.
    """
    if not dropped:
        return
    shown = [f"{place}: {reason}" for place, reason in list(dropped.items())[:SHOWN]]
    if source.check == "stop":
        raise DataError(f"{source.source}: {shown[0]}; repair the row, or drop such rows: `check: drop` on the source")
    if not num_read:
        raise DataError(f"{source.source}: no row can be used; {shown[0]}")
    more = f"; and {len(dropped) - SHOWN} more" if len(dropped) > SHOWN else ""
    warn(f"{source.source}: {len(dropped)} of {len(dropped) + num_read} rows dropped: {'; '.join(shown)}{more}")


def to_prompt(row: Mapping[str, Any], source: Source, place: str) -> Prompt:
    """One row as a Prompt, whose `row` keeps every column for the verifiers. `place` (file and line) names the row
    in messages, and is its id if it has none."""
    for needed in ("prompt", "reference"):
        _column(row, needed, place)
    task = source.task if row.get("task") is None else row["task"]
    if task is None:
        raise DataError(f"{place}: column 'task' is missing; add it or set `task:` on the source")
    text = row["prompt"]
    messages: tuple[Mapping[str, Any], ...]
    if isinstance(text, str):
        messages = ({"role": "user", "content": text},)
    elif isinstance(text, list) and text and all(isinstance(m, Mapping) and "role" in m for m in text):
        messages = tuple(text)
    else:
        raise DataError(f"{place}: column 'prompt' is text or a list of chat messages, got {type(text).__name__}")
    prompt_id = str(place if row.get("id") is None else row["id"])
    complete = {**row, "id": prompt_id, "task": task, "prompt": list(messages)}
    if isinstance(text, str):
        complete["prompt_text"] = text  # TRL's reward functions get prompts and completions as the data set has them
    return Prompt(
        id=prompt_id,
        task=str(task),
        messages=messages,
        row=complete,
        tools=tuple(row.get("tools") or ()),
        source=source.source,
        is_replay=isinstance(source, PromptSource) and source.replay,
    )


def load_prompts(source: Source, warn: Warn = unheard) -> list[Prompt]:
    """All prompts of a source; their ids are unique. A row that stands in it twice is taken once.

    Raises:
        DataError: as `placed_rows`; or two different rows have the same id.
    """
    seen: dict[str, Prompt] = {}
    repeated = 0
    for place, row in placed_rows(source, warn):
        prompt = to_prompt(row, source, place)
        other = seen.setdefault(prompt.id, prompt)
        if other is not prompt:
            if other.row != prompt.row:
                raise DataError(f"{source.source}: id {prompt.id!r} is in more than one row, and the rows differ")
            repeated += 1
    if repeated:
        warn(f"{source.source}: {repeated} rows dropped, which stand in it more than once")
    return list(seen.values())
