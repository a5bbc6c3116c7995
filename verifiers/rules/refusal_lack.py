"""Whether an answer says what it lacks and leaves it at that: "I don't have live data; try a sports site" declines,
"I can't open links, but from its title it is about bees" answers."""

from __future__ import annotations

import re

from openqwq.verifiers.rules.refusal_ability import LACKS
from openqwq.verifiers.rules.refusal_ability_languages import LACKS_OTHERS
from openqwq.verifiers.rules.refusal_scripts import patterns_for

LONGEST_BEFORE, LONGEST_BEHIND = 260, 900
"""Weight of what stands around a lack, in Latin letters: more is an answer with a remark in it."""

_ALL_LACKS = {"english": LACKS, **LACKS_OTHERS}
_SEGMENT_END = re.compile(
    r"(?<=[.!?。！？؟।])(?=\s|$|[^\x00-\x7f])\s*|\n+|(?<=[:：])\s|,? ?\b(?:but|however|that said|though|although|mais"
    r"|cependant|toutefois|pero|sin embargo|aber|jedoch"
    r"|allerdings|mas|porém|ma|tuttavia|però|но|однако)\b,?|(?:，|。)?(?:但是?|不过|然而)|(?:しかし|ですが、|ものの、"
    r"|ますが、|ませんが、)|하지만|지만,? |لكن|लेकिन|แต่",
    re.IGNORECASE,
)
_POINTS_ELSEWHERE = re.compile(
    r"\byour (?:own |personal )?(?:decision|choice|call|vote|values|own|judgment)\b|\bi could\b|\bi(?:'d"
    r"| would) (?:gladly|be|rather|suggest|recommend|ask)\b|\byou(?:'ll|'d| can| could| may| might| should| would"
    r"| will| want| need| have to)\b|\bi(?:'d| can| could| would|'ll| will| am|'m) (?:also |still |certainly |gladly "
    r"|only "
    r"|always )*(?:be |feel )?(?:happy|glad|help|describe|suggest|offer|explain|walk|give you|tell you|show you"
    r"|recommend|need|share|list|point|able|try|write|discuss|talk)|\b(?:let me know|please"
    r"|web ?sites?|sites?|apps?|search|official|instead|feel free|sorry|apologi\w+|unfortunately|hope|changes?|vary"
    r"|varies|depends?|decide|choose|personal|up to|best bet|will (?:show|tell|have|know|help)|recommend|suggest"
    r"|happy to|glad to|as an ai|language model|so i\b|therefore|which means|without|designed|reliable|accurate)\b"
    r"|\bif you(?:'d)? (?:like|want|paste|share|tell|give|send|describe|provide|let|need|can|copy|upload|have)"
    r"|^\W*(?:so |then |just |instead,? )?"
    r"(?:try|check|visit|see|ask|call|contact|consult|look|open|ring|use|head|go|paste|share|send|tell|read|have|take"
    r"|type|google)\b|\?|？|؟"
    r"|\b(?:du (?:kannst|könntest|musst|solltest)|sie (?:müssen|sollten)|(?:vous|tu) (?:devez|dois|devrez|devriez)"
    r"|deb[eo]s?|tien[eo]s? que|dev[io]|dovr\w+|terá que|придётся|придется|нужно|надо|(?:können|könnten) sie"
    r"|kann ich (?:dir|ihnen)|ich kann (?:dir|ihnen)|schau|prüf|frag|besuch|nutze|versuch|gern|wenn (?:du|sie)|helfen"
    r"|hilft|bitte|web\w*|seite|am besten|entscheid|leider"
    r"|(?:vous|tu) (?:pouvez|peux|trouve)|je (?:peux|vous|te) |consult|vérifi|appli\w*|veuillez|n'hésite|essay|demand"
    r"|si (?:vous|tu)|regard|aider|choisi|décid|désol|ouvr"
    r"|pued[eo]s?|podr[íi]as?|revis|visit|siti?o|app|por favor|prueb|pregunt|si (?:quieres|me|lo|necesitas|pegas)"
    r"|recom|mira|ayud|eleg|decid|siento|abr[ea]"
    r"|voc[êe] (?:pode|precisa)|posso|verifi|aplicativo|tente|tenta|pergunt|se (?:quiser|você|me|vuoi|mi)|vej?a|ajud"
    r"|escolh|desculp|"
    r"puoi|può|controll|prov[ai]|chied|consigli|guard|aiut|scegli|dispiace|apri"
    r"|может[е]?|можешь|посмотр|провер|сайт\w*|приложени|попробуй|спрос|если (?:вы|ты|хоти)|рекоменд|совет|обрат|помо"
    r"|выбор|реш|извин|сожал|откро|уточни|загляни)"
    r"|您可以|你可以|请|建议|查看|查询|网站|应用|官网|如果[您你]|可以(?:帮|为|试)|推荐|抱歉|选择|决定|不妨|需要|自行"
    r"|ください|下さい|確認|ご覧|サイト|アプリ|すすめ|勧め|試し|よろしければ|もし|ましょうか|いただけ|聞いて|申し訳|選"
    r"|ましょう|幸い"
    r"|세요|시오|주시면|주시겠|사이트|앱|추천|원하시면|드릴|죄송|선택|결정|해 ?보|바랍니다"
    r"|يمكنك|يرجى|تحقق|موقع|تطبيق|راجع|أنصح|إذا|جرب|يسعدني|يمكنني|فضلك|اسأل|يختار|اختيار|آسف|عذرا|لذا"
    r"|आप|कृपया|वेबसाइट|ऐप|देख|जाँच|जांच|पूछ|यदि|अगर|मदद|चुन|क्षमा|खेद|माफ"
    r"|คุณ|กรุณา|โปรด|เว็บ|แอป|ตรวจสอบ|ลอง|แนะนำ|หาก|ถ้า|สอบถาม|ได้ที่|เลือก|ตัดสินใจ|ขออภัย",
    re.IGNORECASE,
)
_GUESSES = re.compile(
    r"\b(?:guess|estimate[ds]?|typically|usually|roughly|approximately|on average|as of|at (?:that|the) time"
    r"|as far as i|my best|likely|probably|generally|historically|last known|most likely|tend to|suggests|from (?:the"
    r"|your|its|his|her)"
    r"|based on|judging|sounds like|it (?:is|was)|they (?:are|were)|etwa|ungefähr|normalerweise|in der regel"
    r"|vermutlich|wahrscheinlich|schätz\w*|environ|généralement|probablement|d'après|aproximadamente|normalmente|suele"
    r"|probablemente"
    r"|según|costuma|provavelmente|cerca de|circa|di solito|probabilmente|примерно|обычно|около|вероятно|скорее всего"
    r"|как правило)\b|大约|通常|一般来说|大概|估计|应该是|(?<!予)約\d|およそ|通常|一般に|おそらく|と思われ|약 \d|보통"
    r"|일반적|아마|تقريبا|عادة|حوالي|غالبا"
    r"|लगभग|आमतौर|शायद|ประมาณ|โดยทั่วไป|ปกติ|น่าจะ",
    re.IGNORECASE,
)
_YES = re.compile(
    r"\W*(?:yes|yeah|yep|ja|oui|s[ií]|sim|sì|да)\b|是的|可以|はい|네[,. ]|예[,. ]|نعم|हाँ|हां|ใช่", re.IGNORECASE
)
_PLEASANT = re.compile(
    r"\b(?:sorry|hi|hello|hey|hm+|ah|oh|well|haha|no|unfortunately|apologi\w+|regret\w*|leider|nein|hallo|désolée?|non"
    r"|bonjour|lo siento|hola|não|desculp\w+|olá|scusa|mi dispiace|ciao|привет|извин\w*|сожал\w+|great|good|fun|nice"
    r"|interesting|question|understand|thank\w*|hear|see|sure|wish|would|that's|that is|sounds"
    r"|ai|model|assistant|bot|exciting|lovely|curious|frage|verstehe"
    r"|danke|ki|question|merci|comprends|ia|pregunta|gracias|entiendo|pergunta|obrigad\w|entendo|domanda|grazie"
    r"|capisco|вопрос|спасибо|понимаю|ии)\b|问题|感谢|谢谢|理解|模型|助手|抱歉|对不起|不好意思|你好|您好"
    r"|質問|ありがとう|理解|モデル|申し訳|すみません|ごめん|죄송|미안|안녕|질문|감사|모델|سؤال|شكرا|نموذج|آسف|عذرا"
    r"|مرحبا|क्षमा|माफ|नमस्ते|सवाल|धन्यवाद|मॉडल|คำถาม|ขอบคุณ|โมเดล|ขออภัย|ขอโทษ|สวัสดี",
    re.IGNORECASE,
)
_WIDE = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAVE_NO = re.compile(r"\bi've (?:got )?no\b", re.IGNORECASE)
_WORDS = re.compile(r"\w+")


def only_lacks(said: str) -> bool:
    """Whether the text names something that it lacks and, beside it, only points elsewhere, offers and asks."""
    if _weight(said) > LONGEST_BEFORE + LONGEST_BEHIND + 300:
        return False
    said = _HAVE_NO.sub("i have no", said)
    for pattern in patterns_for(said, _ALL_LACKS):
        for match in pattern.finditer(said):
            before, behind = said[: match.start()], said[match.end() :]
            if _weight(before) > LONGEST_BEFORE or re.search(r"\d", before):
                break
            if _YES.match(said) or not all(_is_pleasantry(part) for part in _SEGMENT_END.split(before)[:-1] if part):
                break
            own, *others = _SEGMENT_END.split(behind)  # the rest of its own sentence says what for
            if not _GUESSES.search(own.partition(";")[2]) and all(
                map(_is_no_answer, (part for part in others if part and part.strip()))
            ):
                return True
    return False


def _is_pleasantry(segment: str) -> bool:
    """Greetings, thanks, regrets and questions that stand before a lack; advice there is an answer."""
    if segment.rstrip().endswith(("!", "?", "！", "？", "؟")) or _PLEASANT.search(segment):
        return True
    return any(pattern.search(segment) for pattern in patterns_for(segment, _ALL_LACKS))


def _is_no_answer(segment: str) -> bool:
    if len(_WORDS.findall(segment)) <= 3 and _weight(segment) < 30:
        return True
    if _GUESSES.search(segment):
        return False
    return bool(_POINTS_ELSEWHERE.search(segment)) or any(
        pattern.search(segment) for pattern in patterns_for(segment, _ALL_LACKS)
    )


def _weight(text: str) -> int:
    """Length in Latin letters: a character of a script without spaces says more."""
    return len(text) + len(_WIDE.findall(text))
