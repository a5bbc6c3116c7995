"""Tool calls of a turn and the schemas they must fit; the formats themselves are in `calls/`."""

from openqwq.verifiers.calls.formats import DEFAULT_FORMAT as DEFAULT_FORMAT
from openqwq.verifiers.calls.formats import FORMATS as FORMATS
from openqwq.verifiers.calls.formats import implied_format as implied_format
from openqwq.verifiers.calls.formats import parse_tool_calls as parse_tool_calls
from openqwq.verifiers.calls.records import MAX_CALLS as MAX_CALLS
from openqwq.verifiers.calls.records import MalformedCall as MalformedCall
from openqwq.verifiers.calls.records import ParsedCall as ParsedCall
from openqwq.verifiers.calls.records import ParsedCalls as ParsedCalls
from openqwq.verifiers.calls.schemas import check_arguments as check_arguments
from openqwq.verifiers.calls.schemas import check_tools as check_tools
from openqwq.verifiers.calls.schemas import json_schema as json_schema
from openqwq.verifiers.calls.schemas import tool_functions as tool_functions
