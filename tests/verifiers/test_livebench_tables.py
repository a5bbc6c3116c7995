"""Tables of every format, with the types that pandas gives, and the averages of LiveBench."""

from __future__ import annotations

import pytest

from openqwq.verifiers.livebench.aggregate import Judged, averages
from openqwq.verifiers.livebench.marks import NoAnswer
from openqwq.verifiers.livebench.table_reading import MAX_CELLS, MAX_CHARS, Table, UnreadableTable, read_table
from openqwq.verifiers.livebench.tablereformat import same_table, table_reformat, wanted_format

PLAIN = Table(("a", "b"), ((1.0, "x"), (2.5, None)))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "a,b\n1,x\n2.50,\n"),
        ("csv", 'a,b\r\n"1","x"\r\n\r\n2.5,NaN'),
        ("csv", "a,b\n7,1,x\n8,2.5\n"),  # a first column without a name
        ("tsv", "a\tb\n1\tx\n2.5\tnull\n"),
        ("json", '{"9": {"a": 1, "b": "x"}, "4": {"a": 2.5, "b": null}}'),
        ("json", '[{"a": "1", "b": "x"}, {"a": "2.5"}]'),
        ("json", '{"a": 1, "b": "x"}\n{"a": 2.5}'),
        ("json", '{"schema": {"primaryKey": ["i"]}, "data": [{"i": 0, "a": 1, "b": "x"}, {"i": 1, "a": 2.5}]}'),
        ("jsonl", '{"a": 1, "b": "x"}\n\n{"a": 2.5, "b": null}\n'),
        ("html", "<table><thead><tr><th>a<th>b</thead><tr><td>1<td> x <tr><td>2.5<td></table>"),
        ("html", "<p>So:</p><TABLE><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><b>x</b></td></tr>"
                 "<tr><td>2.50</td></tr></TABLE>"),
    ],
)  # fmt: skip
def test_a_table_has_the_same_cells_in_every_format(form: str, text: str) -> None:
    assert read_table(form, text) == PLAIN


def test_columns_have_the_types_that_pandas_gives() -> None:
    table = read_table("csv", "t,u,n,m,g\nTrue,True,007,1e3,1,\n,no,8, -2 ,\n")
    assert table.columns == ("t", "u", "n", "m", "g")
    assert read_table("csv", "t,u,n\nTrue,True,007\n,no,8\n").rows == ((True, "True", 7.0), (None, "no", 8.0))
    assert read_table("csv", "a,a,\n1,x,\n").columns == ("a", "a.1", "Unnamed: 2")
    assert read_table("html", "<table><tr><th>a<tr><td>1,234<tr><td>5</table>").rows == ((1234.0,), (5.0,))
    assert read_table("csv", 'a\n"1,234"\n').rows == (("1,234",),)
    assert read_table("json", '[{"a": "7"}, {"a": "x"}]').rows == (("7",), ("x",))


def test_markdown_counts_its_rule_as_a_row_and_leaves_out_the_first_column_as_official_code_does() -> None:
    table = read_table("markdown", "| a | b |\n|:--|--:|\n| 1 | 2 |")
    assert table.columns == ("Unnamed: 0", "b ", "Unnamed: 3")
    assert [row[1] for row in table.rows] == ["--:", "2 "]
    other = read_table("markdown", "| a | b |\n|---|---|\n| 9 | 2 |")
    assert not same_table(table, other)
    late = read_table("markdown", "| a | b |\n|:--|--:|\n| 1 | 2 |", is_late=True)
    assert same_table(late, read_table("markdown", "| b | a |\n|---|---|\n| 2 | 1 |", is_late=True))


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", ""),
        ("csv", 'a,b\n"1,2'),
        ("csv", "a,b\n1,2\n1,2,3"),
        ("csv", ",".join("a" * 3_000)),
        ("json", "5"),
        ("json", "[1]"),
        ("json", '{"a": [1]}'),
        ("json", '{"schema": 7, "data": []}'),
        ("json", '[{"a": 1%s}]' % ("0" * 30)),
        ("json", "[" * 5_000),
        ("jsonl", '{"a": 1}\nx'),
        ("html", "<p>none</p>"),
        ("html", "<table><tr><td>no heading</td></tr></table>"),
        ("html", "<table><tr><th>a</th></tr><tr><th>b</th></tr><tr><td>1</td></tr></table>"),
        ("html", '<table><tr><th colspan="999">a</th></tr>' + "<tr><td>1</td></tr>" * (MAX_CELLS // 999 + 1)),
        ("markdown", "a"),
        ("yaml", "a: 1"),
        ("csv", "a\n" + "1\n" * MAX_CHARS),
    ],
)
def test_what_is_no_table_is_said_in_one_line(form: str, text: str) -> None:
    with pytest.raises(UnreadableTable) as caught:
        read_table(form, text)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_a_table_below_other_text_counts_where_its_header_is_that_of_the_gold() -> None:
    gold = read_table("csv", "a,b\n1,x\n2.5,\n")
    for said in ("Sure!\na,b\n1,x\n2.5,\n\nThat is, as you asked, all", 'Well\na,b\n1,x\n2.5,\n"unfinished'):
        assert table_reformat(gold, said, "csv", False) == 1.0
    assert table_reformat(gold, "Sure!\na;b\n1,x\n2.5,", "csv", False) == 0.0
    lines = '{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}'
    assert table_reformat(gold, f"Sure!\n{lines}\nDone", "jsonl", False) == 1.0
    assert table_reformat(gold, "Here is the table: a,b\n1,x\n2.5,\n", "csv", False) == 1.0
    with pytest.raises(NoAnswer):
        table_reformat(gold, "x,y\na,b\n" + ",\n" * MAX_CELLS, "csv", False)


def test_a_column_named_index_counts_in_neither_table_and_numbers_may_differ_by_a_millionth() -> None:
    gold = read_table("csv", "index,a\n0,1\n1,2\n")
    assert same_table(read_table("csv", "a\n1.0000001\n2\n"), gold)
    assert not same_table(read_table("csv", "a\n1.00001\n2\n"), gold)
    assert not same_table(read_table("csv", "a\n1\n"), gold) and not same_table(read_table("csv", "b\n1\n2\n"), gold)


def test_the_question_names_the_format() -> None:
    asked = "Please convert the Input Table from JSONL format to HTML format. Please respond only with the table."
    assert wanted_format(asked, is_late=False) == "html"
    assert wanted_format("Source Format: CSV\nTarget Format: TSV \n", is_late=True) == "tsv"
    assert wanted_format("Make a table", is_late=False) is None and wanted_format(asked, is_late=True) is None


def test_the_average_is_over_questions_then_tasks_then_categories() -> None:
    judged = [Judged("math", "AMPS_Hard", score) for score in (1, 1, 1, 0)]
    judged += [Judged("math", "olympiad", 0.25), Judged("reasoning", "spatial", 1), Judged("reasoning", "spatial", 0)]
    found = averages(judged)
    assert found.tasks == {("math", "AMPS_Hard"): 0.75, ("math", "olympiad"): 0.25, ("reasoning", "spatial"): 0.5}
    assert found.categories == {"math": 0.5, "reasoning": 0.5} and found.overall == 0.5
    assert averages([*judged, Judged("language", "typos", 0.2)]).overall == pytest.approx(0.4)
    assert averages(reversed(judged)) == found
    with pytest.raises(ValueError, match="no question was judged"):
        averages([])
