"""Captured output, given input, patches, coroutines: what program and test share in one process."""

from __future__ import annotations

import pytest

from openqwq.sandbox import LocalSandbox
from tests.sandbox.judging import Judged, judged, name_of

CASES = (
    judged("capsys", "pass", "def f(): print('hi')",
           "def test_a(capsys):\n    f()\n    assert capsys.readouterr().out == 'hi\\n'"),
    judged("capsys wrong", "fail", "def f(): print('ho')",
           "def test_a(capsys):\n    f()\n    assert capsys.readouterr().out == 'hi\\n'"),
    judged("monkeypatch input", "pass", "def f(): return int(input('n: '))*2",
           "def test_a(monkeypatch):\n    monkeypatch.setattr('builtins.input', lambda _: '21')\n"
           "    assert f()==42"),
    judged("monkeypatch input wrong", "fail", "def f(): return int(input('n: '))",
           "def test_a(monkeypatch):\n    monkeypatch.setattr('builtins.input', lambda _: '21')\n"
           "    assert f()==42"),
    judged("mock input", "pass", "def f(): return input()+input()",
           "from unittest.mock import patch\n@patch('builtins.input', side_effect=['a','b'])\ndef test_a(m):\n"
           "    assert f()=='ab'"),
    judged("stdin stringio", "pass", "import sys\ndef f(): return sum(int(x) for x in sys.stdin.read().split())",
           "import sys, io\nsys.stdin=io.StringIO('1 2 3')\nassert f()==6"),
    judged("stdin lines", "pass", "import sys\ndef f(): return [l.strip() for l in sys.stdin]",
           "import sys, io\nsys.stdin=io.StringIO('a\\nb\\n')\nassert f()==['a','b']"),
    judged("stdin input", "pass", "def f(): return input()", "import sys, io\ndef test_x(monkeypatch):\n"
           "    monkeypatch.setattr('sys.stdin', io.StringIO('abc\\n'))\n    assert f()=='abc'"),
    judged("mock print", "pass", "def f(): print('x', 1)",
           "from unittest.mock import patch\nwith patch('builtins.print') as p:\n    f()\n"
           "p.assert_called_with('x', 1)"),
    judged("mock print wrong", "fail", "def f(): print('x', 2)",
           "from unittest.mock import patch\nwith patch('builtins.print') as p:\n    f()\n"
           "p.assert_called_with('x', 1)"),
    judged("patch stdout", "pass", "def f(): print('x')",
           "import io\nfrom unittest.mock import patch\ndef test_a():\n"
           "    with patch('sys.stdout', new_callable=io.StringIO) as o:\n        f()\n"
           "    assert o.getvalue()=='x\\n'"),
    judged("patch solution", "pass", "def helper(): return 1\ndef f(): return helper()+1",
           "from unittest.mock import patch\nimport solution\ndef test_a():\n"
           "    with patch('solution.helper', return_value=41):\n        assert solution.f()==42\n"
           "    assert solution.f()==2"),
    judged("async", "pass", "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x+1",
           "import asyncio\nassert asyncio.run(f(1))==2"),
    judged("async test", "pass", "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x+1",
           "import pytest\n@pytest.mark.asyncio\nasync def test_a():\n    assert await f(1)==2"),
    judged("async wrong", "fail", "async def f(x):\n    return x",
           "import asyncio\nasync def test_a():\n    assert await f(1)==2"),
    judged("async unittest", "pass", "async def f(x):\n    return x+1",
           "import unittest\nclass T(unittest.IsolatedAsyncioTestCase):\n    async def test_a(self):\n"
           "        self.assertEqual(await f(1),2)"),
    judged("mock arg", "pass", "def use(c): return c.get('u')+1",
           "from unittest.mock import Mock, MagicMock\nm=Mock()\nm.get.return_value=4\nassert use(m)==5\n"
           "m.get.assert_called_once_with('u')"),
    judged("mock arg wrong", "fail", "def use(c): return 5",
           "from unittest.mock import Mock\nm=Mock()\nm.get.return_value=4\nassert use(m)==5\n"
           "m.get.assert_called_once_with('u')"),
    judged("mock cheat", "fail", "def use(c):\n    c.get.assert_called_once_with=lambda *a:None\n    return 5",
           "from unittest.mock import Mock\nm=Mock()\nm.get.return_value=4\nassert use(m)==5\n"
           "m.get.assert_called_once_with('u')"),
    judged("coroutine back", "fail", "async def enc(s): return s\ndef dec(x): return 0",
           "assert dec(enc('ab'))=='ab'"),
    judged("input default", "pass", "def f():\n    try: return input()\n    except EOFError: return 'eof'",
           "assert f()=='eof'"),
    judged("doc prints", "pass", "print('load')\ndef f():\n    print('x')\n    return 1", "assert f()==1"),
    judged("flood print", "pass", "def f(x):\n    print('x'*100000)\n    return x",
           "for i in range(50):\n    assert f(i)==i"),
    judged("capture nested", "pass", "def f(): print('a'); print('b')",
           "import io,sys\nold=sys.stdout\nsys.stdout=b=io.StringIO()\ntry:\n    f()\nfinally:\n"
           "    sys.stdout=old\nassert b.getvalue().split()==['a','b']"),
    judged("logger stdout write", "pass", "import sys\ndef f(): sys.stdout.write('a\\n'); sys.stdout.flush()",
           "def test_a(capsys):\n    f()\n    out,err=capsys.readouterr()\n    assert out=='a\\n'"),
    judged("buffer write", "pass", "import sys\ndef f(): sys.stdout.buffer.write(b'a')",
           "def test_a(capsys):\n    f()\n    assert capsys.readouterr().out=='a'"),
    judged("stderr", "pass", "import sys\ndef f(): print('e',file=sys.stderr)",
           "def test_a(capsys):\n    f()\n    assert capsys.readouterr().err=='e\\n'"),
    judged("print in callback order", "pass", "def f(g):\n    print('a')\n    g()\n    print('c')",
           "def test_a(capsys):\n    f(lambda: print('b'))\n    assert capsys.readouterr().out=='a\\nb\\nc\\n'"),
    judged("time sleep patched", "pass", "import time\ndef f():\n    time.sleep(1)\n    return 1",
           "from unittest.mock import patch\n@patch('time.sleep')\ndef test_a(m):\n    assert f()==1\n"
           "    m.assert_called_once()"),
    judged("random patched", "pass", "import random\ndef f(): return random.randint(1,6)",
           "from unittest.mock import patch\n@patch('random.randint', return_value=4)\ndef test_a(m):\n"
           "    assert f()==4"),
    judged("solution patched stdlib", "pass", "import time\ndef f():\n    time.sleep(9)\n    return 1",
           "from unittest.mock import patch\n@patch('solution.time.sleep')\ndef test_a(m):\n    assert f()==1"),
    judged("systemexit", "pass", "import sys\ndef f(): sys.exit(2)",
           "import pytest\ndef test_a():\n    with pytest.raises(SystemExit):\n        f()"),
    judged("warns", "error", "import warnings\ndef f(): warnings.warn('x')",
           "import pytest\ndef test_a():\n    with pytest.warns(UserWarning):\n        f()"),
    judged("unittest mock class", "pass", "class Api:\n    def get(self): raise RuntimeError\nclass U:\n"
           "    def __init__(self,api): self.api=api\n    def name(self): return self.api.get()['n']",
           "from unittest.mock import MagicMock\nimport unittest\nclass T(unittest.TestCase):\n"
           "    def test_a(self):\n        api=MagicMock()\n        api.get.return_value={'n':'x'}\n"
           "        self.assertEqual(U(api).name(),'x')\n        api.get.assert_called_once()"),
    judged("patch object", "pass",
           "class Api:\n    def get(self): raise RuntimeError\ndef f(): return Api().get()",
           "from unittest.mock import patch\nfrom solution import Api, f\ndef test_a():\n"
           "    with patch.object(Api,'get',return_value=5):\n        assert f()==5"),
    judged("assertLogs", "error", "import logging\ndef f(): logging.warning('x')",
           "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n"
           "        with self.assertLogs() as l:\n            f()\n        self.assertEqual(len(l.output),1)"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_program_and_test_share_is_shared(sandbox: LocalSandbox, case: Judged) -> None:
    case.check(sandbox)
