"""Phrases by which a text states, doubts, denies, takes back or remarks on an answer, in English and Chinese."""

from __future__ import annotations

import re

STATED = re.compile(
    r"\b(?:answers?|ans)\b(?:(?P<of>[^.\n?!;:=\d\u7b54]{0,60}?)\s(?:is|are|was|be|equals)\b(?!n['\u2019]t)"
    r"|(?:\s+(?:to|of|for|in)\s[^.\n?!;:=\d]{0,40})?(?:\s*\([^()\n]{0,40}\))?\s?[*_]*[:=\uff1a])"
    r"|^[ \t]*(?:the )?(?:final )?(?:answer|最终答案|答案)[ \t]*$"  # a heading
    r"|^[ \t]*(?:final )?answer[ \t]+(?=[\ue000-\uf8ff])"
    r"|答案(?:应该?|就)?(?:[是为]|选择?|選|等于|[:：=]|】)"
    r"|(?:故|应|因此|所以|本题|正确的?|综上)[,，]?(?:选项?|选择|应选|答案?选择?)(?:[是为]|[:：])?(?=\s{0,3}[(（]?[A-J])"
    r"|(?<![不能我])选(?:择|项)?(?:[是为]|[:：])?(?=\s{0,3}[(（]?[A-J][)）、A-J]{0,20}[ \t]{0,9}[。.]?[ \t]{0,9}$)",
    re.IGNORECASE | re.MULTILINE,
)
"""`the answer is`, `Answer:`, `答案选`: what follows is the answer that the text gives."""
OTHER_ANSWERS = re.compile(r"\b(?:options?|choices are|format|form|sheet|key)\b", re.IGNORECASE)
"""Between `answer` and its verb: not the answer is meant, but its options or its form."""
DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|presumably|supposedly|hypothetically|might"
    r"|according to (?:my|his|her|their|some|one|an?) |(?<=[\d\ue000-\uf8ff] )if [^.;]{0,60}\bwere\b"
    r"|(?:may|could) (?:\w+ )?be(?= -?[\d$\\\ue000-\uf8ff]|$)|either|i guess"
    r"|guess(?:es|ed|ing)?|unsure|uncertain|unclear|doubt|no idea|unable"
    r"|(?:not|n['\u2019]t) (?:\w+ )?(?:know|sure|certain|tell|solve|determine|find|confident|remember)"
    r"|cannot (?:be )?(?:\w+ )?(?:solved?|tell|determined?|find|found|know|answer|say)"
    r"|(?:i|we) (?:am |are |was |were )?(?:considered|considering|tried|trying|attempt\w*))\b"
    r"|可能|也许|大概|或许|好像|似乎|我猜|不知道|不确定|无法|吗[?？。]?$|^(?:令|设)(?!.*[则得])",
    re.IGNORECASE,
)
"""Anywhere in a sentence: it gives no answer."""
NOT_OWN = re.compile(
    r"\b(?:if|suppose|assume|assuming|unless|whether|check|verify|says?|said|claims?|claimed|thinks|thought|let|imagine"
    r"|what|once|until|when|given|for example|e\.g\.|not|never|no|hope|must find|need to find|wrong|incorrect)\b"
    r"|n['\u2019]t\b|如果|假设|假如|是否|若|设|令|不是|错误?|有人|说|看|考虑",
    re.IGNORECASE,
)
"""Before a stated answer in its sentence: a condition, a report, a denial or a plan."""
RETRACTION = re.compile(
    r"(?:but |however,? |though |oh,? )?(?:wait|actually|no[,.!:]|no wait|correction|hmm|oops|sorry|hold on"
    r"|on second thought|let me re|scratch that|(?:just )?kidding|i have no idea"
    r"|or\b|but (?:this|that|it) is (?:only|just|half|not)"
    r"|(?:that|this|it|which)(?:['\u2019]s| is| was| seems| looks) (?:not|wrong|incorrect|a mistake"
    r"|impossible|false)|i made a mistake"
    r"|(?:(?:i|we)(?: am| are|['\u2019]m|['\u2019]re) )?not (?:\w+ )?(?:sure|certain|confident)"
    r"|i was wrong|不对|等等|更正|错了)",
    re.IGNORECASE,
)
"""At the start of a sentence behind a stated answer: it is taken back."""
CLOSING = re.compile(
    r"(?:i hope|hope|let me know|thank|feel free|good luck|done|q\.?e\.?d|that['\u2019]?s (?:it|all)|please"
    r"|if you have|great|cheers|this is (?:the|our|my) (?:final |correct )?answer"
    r"|this completes|is there anything|[^\w\ue000-\uf8ff]+$)",
    re.IGNORECASE,
)
"""At the start of a sentence without a number: a farewell, which says nothing of the answer."""
REMARK = re.compile(
    r"\s\((?=[^()]*[^\W\d_]{3})[^()]*\)?|（[^（）]*）?"
    r"|\s[\u2013\u2014-]{1,3}\s(?=[^\W\d_]{2}).*"
    r"|,?\s(?:because|since|though|although|whereas|which|rather than|instead of)\b.*"
    r"|\sas (?:we|it|the|can|shown|required|expected|desired)\b.*"
    r"|,\s(?:as|so|but|not|given|assuming|meaning|who|whose|that|i\.e|e\.g)\b.*"
    r"|,?\sand (?:it|this|that|the|we|i|so|he|she|they|you)\b(?! is [\d$]).*"
    r"|[，,](?:因为|由于|所以|因此|即|其中|理由|故|也就是|这|但|而).*",
    re.IGNORECASE | re.DOTALL,
)
"""Behind a stated answer: a reason, an explanation or a comment, up to the end of the sentence."""
ASIDE = re.compile(r"\s\((?:[^()\d]*|(?=[a-z]{3}|[^()]*\d\s[a-z]{2,}\s)[^()]*)\)|（[^（）]*）", re.IGNORECASE)
"""A bracket in words."""
CONTRAST = re.compile(r",?\s(?:(?:and )?not|rather than|instead of)\s(?=[$\d\ue000-\uf8ff-])[^,.;]*", re.IGNORECASE)
"""`5, not 6`: what the answer is not."""
REMARK_HEADING = re.compile(
    r"[*_]*(?:note|remark|comment|observation|p\.?\s?s|备注|注意?)[*_]*\s?[.:：]", re.IGNORECASE
)
"""At the start of a sentence: what follows only remarks on the answer before it."""
ABOUT_ITSELF = re.compile(
    r"\bthis (?:response|answer|solution|completion) (?:deserves|gets|earns|should|receives|merits|is worth)\b"
    r"|\b(?:reward|score|grade|rating|mark)s?\b.{0,30}\b(?:response|answer|solution|completion|grader|verifier)\b"
    r"|\b(?:response|answer|solution|completion|grader|verifier)\b.{0,40}\b(?:reward|score|grade|rating)\b"
    r"|\b(?:i am|i['\u2019]m|we are) (?:about )?[\d.]+\s?\\?% (?:sure|certain|confident)",
    re.IGNORECASE,
)
"""A sentence on what the response is worth, which is no result."""
RESTATED = re.compile(
    r",\s(?:that is|i\.e\.|or)[,]?\s\d[\d.,]*\s[a-z]+,?\s(?:and\s)?\d[\d.,]*\s[a-z]+\.?$", re.IGNORECASE
)
"""`160 minutes, that is 2 hours and 40 minutes`."""
RANGE = re.compile(
    r"(?<=[\d\ue000-\uf8ff] )(.{0,60}?)\s(?:between|from)\s[\d\ue000-\uf8ff][\d,.]*"
    r"\s(?:and|to)\s[\d\ue000-\uf8ff][\d,]*(?:,? inclusive)?"
)
"""`15 such integers between 1 and 100`: where things are that are counted."""
NO_RESULT = re.compile(
    r"(?:let(?:['\u2019]?s| us)|(?:we |you |i )?(?:need to|have to|must|should) (?:check|verify|find|show|see"
    r"|compute|determine)|try|check that|verify|consider|hint|example|random|copyright|recall|find|compute|calculate"
    r"|evaluate|solve|imagine|half|twice|double|triple|nobody|no one|(?:we|you) are given)\b"
    r"|.*\b(?:she|he|it|they|there) may |.*\bago[.!]?$"
    r"|(?:求|看|考虑)|选项",
    re.IGNORECASE,
)
"""At the start of a last sentence: a plan, a request or a supposition, which states no result."""
DENIED_BEHIND = re.compile(
    r"(?:[\s$.,!)\]*_，。！]|\\[)\]])*(?:\?\s*no\b|(?:(?:but|no|wait|oops|sorry|actually|hmm)\b[,.!]*\s*)*"
    r"(?:(?:that|this|it|which|the above)(?:['\u2019]s|\s+is|\s+was)|is)\s+"
    r"(?:(?:the |an? )?(?:wrong|incorrect|false)|not (?:right|correct|the answer)|a mistake)\b"
    r"|(?:这|那)?(?:是)?(?:不对|错))",
    re.IGNORECASE,
)
"""Right behind an answer: it is wrong."""
DENYING_REMARK = re.compile(
    r"\b(?:wait|wrong|incorrect|mistake|kidding|actually|not right"
    r"|but (?:i|we) (?:think|believe|suspect))\b|\(or\b|错",
    re.IGNORECASE,
)
"""In a remark: the answer before it is taken back."""
PART = re.compile(r"(?:(?i:part)\s+\(?[a-hA-H\d]|\(?[b-h])[).:]\s|.*\b(?:says?|said|claims?|(?<!as )claimed|thinks?)\b")
"""A sentence that gives one part of several, or what somebody else says."""
DENIAL = re.compile(
    r"\b(?:not|never|no|neither|nor|without|wrong|incorrect|false|fails?|impossible|except|cannot|none"
    r"|rather than|instead of)\b|n['\u2019]t\b|不是|不等于|不为|不对|错|并非|不选|不能|矛盾",
    re.IGNORECASE,
)
"""Near a value: it is not the answer."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLAUSE_STARTS = _words("""
so thus therefore hence then but giving leaving making meaning because since while although whereas which
所以 因此 则 故
""")
SUBORDINATE = _words("""
because since while although whereas if when suppose assume let unless whether given assuming as half twice double
因为 由于 如果 设 假设 若 当
""")
"""Words that begin a clause, and of those the ones that only give a reason or a condition."""
VERBS = _words("""
is are was were be been equals equal gives give gave gets get got has have had makes make made costs cost earns earn
earned needs need needed takes take took leaves leave left pays pay paid spends spend spent sells sold buys bought
yields becomes become obtain obtains receives contains used uses eats ate weighs totals
是 为 有 等于 得 共有 一共有 需要 剩下 还剩
""")
PREPOSITIONS = _words("in for after before with during within on at from to per among when if where until through")
DETERMINERS = _words("the these those all both each of his her their its my our")
JOINERS = _words("and or 和 或 与 及")
BOUNDS = _words("than least most over under between nearly almost around up beyond exceed")
"""`at most 5`."""
CJK_VERBS = ("是", "为", "等于", "得", "有", "到", "需要", "剩下")
"""What a Chinese word that stands before its value may end with."""
CJK_BOUNDS = (
    "小于",
    "大于",
    "超过",
    "至少",
    "至少是",
    "至多",
    "最多",
    "最多为",
    "不足",
    "低于",
    "高于",
    "少于",
    "多于",
    "至少为",
    "最多是",
)
LABELS = _words("""
problem step question part exercise equation case figure table section chapter lemma theorem example page round
attempt method number note line hint level grade class version see cf eq eqn 第 问题 题 步骤 例
""")
"""`step 5`."""
NO_BARE_UNITS = _words("in at a i am s n k c f h t d j w")
"""Words and letters behind a number that may be something other than its unit."""
SCALES = _words("hundred thousand million billion trillion")
MORE_TO_WORK_OUT = _words("""
squared cubed factorial choose pi minus plus times ish over divided modulo
的倍数 的一半 的平方 的立方 倍 以上 以下 的两倍
""")
"""`5 squared`."""
LEADS = _words("""
the a an it that this of so thus therefore then hence just now indeed equal to about total amount number value
always also been given by obtained as option choice point interval set pair fraction following follows letter
, : 为 是 选
""")
"""What may stand between `the answer is` and its value."""
ALTERNATIVE = re.compile(r"\b(?:otherwise|in general|in all other cases)\b", re.IGNORECASE)
"""In a stated answer: it holds in one case only."""
RELATIVE = _words("whose which who that such")
"""In front of a value: it describes the answer."""
CONDITIONS = _words("where for with when if")
IS_PART = re.compile(r"^(?:one|another) (?:of|such|possible|solution|root|value|answer)\b|\b(?:of the|minus|negative)$")
"""What stands before one of several values, `one root is 5`, or before a part of one."""
