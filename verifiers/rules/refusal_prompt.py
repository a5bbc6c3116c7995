"""What a prompt asks for, as far as it changes what a refusal is: a text that declines is none where one was ordered,
`no` is none where yes or no was asked, and a limit is none where limits were asked about."""

from __future__ import annotations

import re
from typing import NamedTuple

from openqwq.verifiers.prompts import prompt_messages
from openqwq.verifiers.rules.refusal_stance import TECHNICAL

LONGEST_PROMPT = 2_000
"""Characters of what the user said last that are read: half of them from the start, half from the end."""

_PRODUCE = re.compile(
    r"(?:^\W{0,8}|[.!?,;:…]\s{1,4}|\n\W{0,8}|\b(?:please|pls|hey|hi|hello|now|just|kindly|you|u|want you to"
    r"|need you to|like you to|bitte|mir|sie"
    r"|plaît|peux-tu|pouvez-vous|favor|puedes|podrías|pode|você|favore|puoi|potresti|пожалуйста) )"
    r"(?:write|give|tell me (?!if|whether|yes)|tell us|show|explain|help|make|create|generate|draft|compose|describe"
    r"|teach|list|provide"
    r"|build|draw|design|send|call|book|order|summari[sz]e|reveal|develop|outline|walk me|hack|plan|prepare|recommend"
    r"|predict|diagnose"
    r"|open|look (?:up|at|in)|check (?:my|the)|search|set (?:a|an|my|up)|remind|buy|roast|insult|mock|find (?:me|out"
    r"|the)|print|ignore|repeat|say\b|translate|convert|continue|finish|act\b|pretend|play\b|role-?play|solve"
    r"|how (?:do|can|to|would|should|could|many|much|long)\b|what(?:'s| is| are| was| were)\b|which\b|who(?:'s| is"
    r"| was| won)\b|where (?:is|can|do|does)\b"
    r"|schreib|gib|sag mir|übersetz|erklär|zeig|hilf|erstell|mach|nenn|verrat|beschreib|entwirf|wie (?:kann|mache|baue"
    r"|komme|stelle|bekomme)|verfass|bau\b"
    r"|écri|rédige|dis[- ]moi|dites[- ]moi|traduis|donne|explique|montre|aide|fais|crée|comment\b|décri|génère|imagine"
    r"|escrib|traduce|di\b|dame|dime (?!si)|explica|muestra|ayuda|ayúda|haz|crea|¿?cómo|redacta|genera|enseña|diseña"
    r"|escrev|traduza|diga|dê|me dê|me diga(?! se)|explique|mostre|ajude|faça|crie|como\b|redija|gere|ensine|descreva"
    r"|scrivi|traduci|dammi|dimmi (?!se)|spiega|mostra|aiuta|fammi|crea|come\b|redigi|insegna|descrivi"
    r"|напиши|переведи|скажи|дай|объясни|расскажи|покажи|помоги|сделай|создай|как\b|придумай|составь|опиши|научи|сочини"
    r"|اكتب|أعطني|اعطني|اشرح|أخبرني|ساعدني|كيف|علمني|صف|أنشئ)"
    r"|(?:帮我|给我|替我|教我|告诉我|写一?[篇个封段首份]|写[^？?]{0,12}的|解释|列出|怎么|如何|生成|编写)|(?:書いて"
    r"|教えて|作って|説明して|して(?:ください|下さい|。|$)|方法は|挙げて)"
    r"|(?:써 ?줘|알려 ?줘|알려 ?주|만들어|설명해|가르쳐|도와|써 ?주|방법은|(?:는|은) ?법(?:은|을| 좀|\?|이)|작성해"
    r"|해 ?줘)|(?:लिखो|लिखें|लिखिए|लिख दो|बताओ|बताइए|बताएँ|बताएं|समझाओ|कैसे|सिखाओ|बनाओ|दीजिए)"
    r"|(?:เขียน|อธิบาย|ช่วย|สอน|วิธี|อย่างไร|ยังไง|ขอ(?:สูตร|วิธี|ข้อมูล))",
    re.IGNORECASE,
)
_ONE_WORD = re.compile(
    r"whether|\bif\b|yes|\bno\b|true|false|\bword\b|translat|\bsay\b|answer|repl(?:y|ies)|repeat|classif|label"
    r"|opposite|synonym|antonym|rhyme|title"
    r"|agree|\bone[- ]line|\bname\b|\bja\b|\bnein\b|\bob\b|wort\b|übersetz|gegenteil|antwort|\boui\b|\bnon\b|\bsi\b"
    r"|\bmot\b|tradui|répon|contraire"
    r"|\bsí\b|palabra|traduc|respond|contest|\bsim\b|\bnão\b|\bse\b|palavra|traduz|\bsì\b|parola|rispond|\bда\b"
    r"|\bнет\b|\bли\b|слов[оау]?\b|перевед"
    r"|ответ|是否|是不是|翻译|词|字|回答|吗|翻訳|一言|単語|答え|번역|단어|대답|ترجم|كلمة|هل\b|نعم|अनुवाद|शब्द|क्या|แปล|คำ"
    r"|ไหม|หรือไม่|[\"“«「『„]",
    re.IGNORECASE,
)
_DECLINING_TEXT = re.compile(
    r"\b(?:declin|refus|reject|turn(?:s|ing|ed)? (?:\w+ ){0,3}down|say(?:s|ing)? no\b|den(?:y|ies|ied|ial)|apolog"
    r"|excuse|cancel|break(?:s|ing)?[- ]?up|quit|resign"
    r"|regret (?:letter|note|message|e-?mail)|sorry (?:letter|note|message|text|e-?mail|card)|say(?:ing)? sorry"
    r"|unsubscribe"
    r"|boundar|out[- ]of[- ]office|away message|(?:says?|saying|that|tell\w*|why|because) (?:\w+ ){0,2}(?:i|we|it|he"
    r"|she|they)(?:'m"
    r"|'re| am| is| are)? (?:can't|cannot|won't|not|unable)"
    r"|dire (?:di )?no|nein (?:zu )?sag|(?:decir|dizer) (?:que )?n[oã]o?|сказать.{0,3}нет|missing|macro|canned"
    r"|(?:saying|says?) (?:that )?i(?:'m| am)? (?:not|won't|can't)|not (?:coming|going|attending"
    r"|interested)|fallback|error (?:message|response|page)|auto[- ]?reply|unauthori[sz]ed"
    r"|forbidden"
    r"|stubborn|rude|quote from"
    r"|ablehn|absag|abgelehnt|absage|entschuldig|kündig|weiger|décli|excus|refuser|annul|démission|rechaz|recha[cz]"
    r"|discul|cancel"
    r"|negar|recus|desculp|declina|rifiut|scus|disdi|dimission|отказ|откаж|отклон|извин|увол|отмен)"
    r"|说不|拒绝|婉拒|谢绝|道歉|辞职|推辞|取消|断[りるっわ]|お詫び|謝|辞退|辞職|거절|사과|사양|취소|퇴사|رفض|اعتذار"
    r"|إلغاء"
    r"|استقال"
    r"|अस्वीकार|मना कर|माफ|क्षमा|इनकार|ปฏิเสธ|ขอโทษ|ลาออก|ยกเลิก",
    re.IGNORECASE,
)
_NOT_TO_DECLINE = re.compile(
    r"\b(?:don't|do not|never|can't|cannot|without|no|not|must not|mustn't|not allowed to|stop"
    r"|instead of) (?:\w+ ){0,2}(?:refus|declin|apolog|excus|say(?:ing)? no|reject|den(?:y|i))\w*"
    r"|\b(?:excuse me|no excuses?|keine ausreden|ohne (?:ausrede|entschuldigung)\w*|excusez-moi|sans (?:refus"
    r"|excuse)\w*|disculpa|disculpe|sin (?:excusas|negarte)|desculpe|sem (?:desculpas|recusar)|scusa|scusi"
    r"|senza (?:scuse|rifiut\w+)"
    r"|извините?|без отказ\w*)\b",
    re.IGNORECASE,
)
"""`Don't refuse`, `excuse me`: no text that declines is wanted."""
_HOW_TO_DECLINE = re.compile(
    r"^\W{0,4}(?:(?:please|politely|kindly|firmly|gently|bitte|poliment|amablemente|educadamente|gentilmente"
    r"|вежливо) ){0,2}(?:refuse|decline|reject|turn down|lehne\b[^.]{0,60}\bab\b|refuse[zr]?|décline[zr]?|rechaza"
    r"|declina|recuse|rifiuta|откажи\w*|отклони\w*)\b|"
    r"(?:\b(?:how|comment|wie|cómo|como|come|как)\b|怎么|如何|どう|어떻게|كيف|कैसे|อย่างไร|ยังไง)[^.!?\n]{0,40}?(?:say no"
    r"|refus|declin|turn (?:\w+ )?down"
    r"|reject|nein|ablehn|absag|dire (?:di )?no|declin|décliner|(?:decir|dizer) (?:que )?n[oã]o?|rechaz|recus|rifiut"
    r"|отказ|нет|拒绝|说不|断|거절|رفض|أعتذر|मना|ปฏิเสธ)"
    r"|ปฏิเสธ[^\n]{0,20}(?:อย่างไร|ยังไง)|拒绝[^\n]{0,10}(?:怎么|如何)",
    re.IGNORECASE,
)
_ORDERED = re.compile(
    r"\b(?:writ|draft|compos|generat|creat|give|help|make|translat|rewrite|rephrase|proofread|correct|say|suggest"
    r"|provid|phrase|word(?:ing)?\b|repl|respon|message"
    r"|letter|e-?mail|note|line|sentence|text|example|dialog|scene|story|poem|script|schreib|verfass|formulier"
    r"|übersetz|écri|rédig|tradui|escrib|redact|traduc"
    r"|escrev|redij|traduz|scriv|redig|traduci|напи|состав|перев|сочин)"
    r"|写|翻译|書い|翻訳|써|작성|번역|اكتب|ترجم|صغ|लिख|अनुवाद|เขียน|แปล",
    re.IGNORECASE,
)
_REWORDED = re.compile(
    r"\b(?:translat|rewrit|rephras|paraphras|proofread|correct|fix (?:the|this|my)|summari|quot|übersetz|korrigier"
    r"|tradui|corrig|traduc|corrige|traduz"
    r"|corrij|traduci|corregg|перевед|исправ|процитир|zitier|cit[ae])|翻译|改写|改正|翻訳|直して|번역|고쳐|ترجم|صحح"
    r"|अनुवाद|ठीक करो|แปล|แก้",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\b(?:sorry|no|not|n't|\w+n't|cannot|unable|never|nicht|keine?\w?|nie|ne|n'\w+|pas|jamais|nunca|não|non|mai|не"
    r"|нет|нельзя|мочь)\b|不|没|無|没|ません|ない"
    r"|없|않|못|거부|لا|لن|ليس|नहीं|मत|ไม่",
    re.IGNORECASE,
)
_TO_WRITE = re.compile(
    r"\b(?:writ|draft|compos|roast|insult|mock|make fun|(?:tell|give|make) (?:me |us )?(?:a|an"
    r"|some) (?:\w+ ){0,2}(?:joke|poem|speech|song|limerick|insult)|schreib|erzähl"
    r"|écri|rédig|raconte|escrib|redact|cuent|escrev|redij|cont[ae]\b|scriv|raccont|напи|сочин|расскажи шут)|写|讲个"
    r"|書い|써|농담|اكتب|نكتة|लिख|เขียน|แต่ง",
    re.IGNORECASE,
)
_JUDGED = re.compile(
    r"\b(?:feedback|opinion|review|rate\b|critique|improve|what do you think|bewert|meinung|avis|opinión|opinião"
    r"|parere|мнение|оцени)|意见|评价|感想|평가|رأي|राय|ความเห็น",
    re.IGNORECASE,
)
_WORDS_OF_OTHERS = re.compile(
    r"\b(?:writ|draft|compos|tell|give|continu|sing|suggest|creat|make|finish|help me|perform|schreib|erzähl|gib|nenn"
    r"|écri|rédig|racont|donn|escrib|cuent|dame|invent|escrev|cont|faça|scriv|raccont|dammi|напи|сочин|расска|придум"
    r"|дай)"
    r"[^.!?\n]{0,40}\b(?:poem|song|lyrics?|stor(?:y|ies)|scene|haiku|limerick|rap|monologue|dialogue|diary|journal"
    r"|novel|chapter|fable|tale|sonnet|verse|skit|screenplay|fiction|reply|replies"
    r"|response|comeback|statement|phrase|line|lines|slogans?|eslogan|cartel|placa|cartello|schild|affiche|panneau"
    r"|вывеск\w+|слоган\w*|лозунг\w*|sign|notice|poster|banner|sticker|post|voicemail|greeting|bio|caption|tagline"
    r"|motto|ad|gedicht|lied|geschichte|szene"
    r"|tagebuch|dialog|antwort\w*|satz|spruch|poème|chanson|histoire"
    r"|scène|dialogue|réponse|phrase|poema|canci[oó]n|historia|cuento|escena|diálogo|respuesta|frase|canção|história"
    r"|conto|cena|resposta|poesia|canzone|storia|racconto|scena"
    r"|risposta|стих\w*|песн\w+|рассказ\w*|истори\w+|сцен\w+|диалог\w*|фраз\w+|ответ\w*)\b|诗|歌|故事|小说|对话|台词"
    r"|句|詩|物語|小説|台本|セリフ|歌詞|시 |노래|이야기|소설|대사|문장|قصيدة|قصة|أغنية|حوار|عبارة"
    r"|कविता|कहानी|गीत|संवाद|वाक्य|กลอน|เพลง|นิทาน|เรื่องสั้น|บทสนทนา|ประโยค",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(
    r"\b(?:why|mean|means|error|debug|how does|what happens|warum|wieso|bedeutet|fehler|wie funktioniert|pourquoi"
    r"|signifie|erreur|comment fonctionne|por qué|significa|cómo funciona"
    r"|por que|como funciona|perché|come funziona|почему|значит|ошибк\w+|как работает)\b|为什么|什么意思|怎么回事|なぜ"
    r"|意味|エラー|왜|뜻|오류|لماذا|معنى|خطأ|क्यों|मतलब|ทำไม|หมายความ",
    re.IGNORECASE,
)
_ABOUT_ITSELF = re.compile(
    r"\b(?:do you (?:have|hold|remember|ever|feel)|are you (?:able|connected|online|trained|a\b|an\b|human"
    r"|conscious|allowed|capable)|have you (?:been|got|ever)"
    r"|were you trained|(?:can't|cannot|can not|aren't|unable) you\b|what (?:can|can't|cannot|could"
    r"|are) you(?:r)?\b(?! (?:tell me about|say about))|you (?:can't|cannot|not) (?:do|be)"
    r"|(?:your|ai'?s?|llm'?s?|(?:language )?models?'?|chatbots?'?) (?:\w+ )?(?:limit\w*|weakness\w*|capabilit\w*"
    r"|abilit\w*|knowledge|training|cut-?off|opinions?)\b"
    r"|why (?:can't|don't|won't|do) (?:you|ai|llm|language)|who are you|what are you|about yourself|introduce yourself"
    r"|über dich|stell dich vor|parle de toi|présente-toi|sobre ti\b|sobre você|parlami di te|о себе|how do you work"
    r"|(?:hast|habt"
    r"|haben) (?:du|sie|ihr)\b|(?:bist|sind) (?:du|sie)\b"
    r"|was kannst du|deine (?:grenzen|fähigkeiten)|as-tu\b|avez-vous\b|es-tu\b|êtes-vous\b|tes limites|vos limites"
    r"|que (?:peux-tu|sais-tu)|¿?(?:tienes|eres|estás)\b"
    r"|qué (?:puedes|no puedes)|tus limit|tus capac|você (?:tem|é|está|consegue)\b|suas limit|sei (?:in grado|un"
    r"|collegat)|hai (?:accesso|opinioni|sentimenti)"
    r"|i tuoi limiti|у тебя есть|есть ли у (?:тебя|вас)|ты (?:умеешь|можешь ли)|твои (?:ограничения|возможности))"
    r"|^\W*(?:kannst du|können sie|peux-tu|pouvez-vous|puedes|¿puedes|você (?:pode|consegue)|puoi|ты можешь"
    r"|вы можете) (?!.{0,40}\b(?:mir|mich|uns|me|m'|moi"
    r"|nous|mi|ci|мне|нам|mim|por favor|bitte|für)\b)[^.,]{0,30}\?\W*$"
    r"|^\W*can you (?:see|hear|browse|access|remember|feel|learn|speak|read|open|use|think|search|watch|taste|smell"
    r"|draw|generate images)\b[^.,]{0,30}\?\W*$"
    r"|介绍(?:一下)?你自己|自我介绍|自己紹介|자기소개|عن نفسك|अपने बारे|แนะนำตัว|你(?:能不能|会不会|有没有|是不是|是否"
    r"|有)(?!.{0,30}(?:帮我|给我|告诉我))|你的(?:局限|限制|能力)|あなたは"
    r"|できないこと|너는|당신은|هل (?:لديك|أنت|تملك|يمكنك)|क्या (?:आप|तुम)|คุณ(?:มี|เป็น|สามารถ)[^\n]{0,20}(?:ไหม|หรือไม่)",
    re.IGNORECASE,
)
_WHOM_TO_ASK = re.compile(
    r"\b(?:whom?|numbers?|phone|where (?:can|do|should|to)|hot ?lines?|help ?lines?|emergency|advice|what (?:should|do"
    r"|can|would|must) (?:i|you|we|one|someone|he|she|they)\b(?: do)?"
    r"|contact|resources?|report|first aid|treat|melden?|signaler|denunciar|segnalare|should i|nummer|wen\b|an wen"
    r"|wohin|was (?:soll|tun|kann|mache)|rat\b|numéro|qui (?:appeler"
    r"|contacter|puis|dois)|que (?:faire|dois)"
    r"|conseil|número|a quién|qué (?:hago|debo|hacer|puedo)|dónde|consejo|telefone|quem (?:ligo|devo|procur)"
    r"|o que (?:fazer|faço|devo)|onde|conselho"
    r"|numero|chi (?:chiam|devo)|cosa (?:devo|faccio|fare|posso)|dove|consiglio|номер|куда|кому|что (?:мне )?делать"
    r"|телефон|совет)"
    r"|电话|找谁|哪里|怎么办|号码|建议|電話|どこ|どうすれば|相談|誰に|전화|어디|어떻게 해야|누구|상담|번호|رقم"
    r"|من (?:أتصل|أستشير)|ماذا (?:أفعل|علي)|أين|नंबर|किस(?:से|को)|कहाँ|क्या कर|สายด่วน|เบอร์|ที่ไหน|ทำอย่างไรดี|ทำยังไงดี",
    re.IGNORECASE,
)
_QUESTIONS = re.compile(
    r"\b(?:ask|interview|quiz|talk (?:to|with)|listen|therap\w*|coach\w*|questions?|frag\w*|pose[zr]?|pregunt\w*"
    r"|pergunt\w*|chied\w*|спрос\w*|вопрос\w*)\b|问|聊|質問|聞いて|질문|물어|اسأل|पूछ|ถาม",
    re.IGNORECASE,
)
_DANGER = re.compile(
    r"\b(?:die|dying|kill|suicid\w*|hurt|harm|pills?|overdos\w*|poison\w*|bombs?|weapons?|guns?|steal\w*|hack\w*"
    r"|drugs?|meth|cocaine|heroin|ghb|stalk\w*|abus\w*|pain\w*|chest|bleed\w*|rash|symptoms?|dose|diagnos\w*"
    r"|cut(?:ting)? myself|mal (?:à|au|aux)|douleur\w*|mourir|tuer|médicaments?|voler|drogues?|schmerz\w*|sterben"
    r"|töten|umbringen|tabletten|gift|klauen|stehlen|drogen|dolor\w*|morir|matar|pastillas|robar|drogas?"
    r"|dor|dores|morrer|remédios|roubar|dolor[ei]|morire|uccid\w+|pillole|rubare|бол[ьи]\w*|умереть|убить|таблет\w+"
    r"|украсть|наркот\w+)\b|死|杀|药|偷|痛|毒|炸|殺|薬|盗|죽|자살|약을|훔|아프|아파|독|폭탄|أموت|الموت|انتحار|قتل|حبوب"
    r"|ألم|سرق|سم"
    r"|मर|आत्महत्या|दवा|दर्द|चुरा|ज़हर|बम|ตาย|ฆ่า|เจ็บ|ขโมย|พิษ|ระเบิด",
    re.IGNORECASE,
)
_CHARACTER = re.compile(
    r"\b(?:act as|act like|pretend|role-?play|play (?:the|a|an|my)\b|you are (?:now )?(?:a|an|my"
    r"|the) (?!(?:[\w-]+ ){0,4}(?:assistant|ai|model|bot|chatbot|expert))"
    r"|as (?:if you were|a character)|in the (?:voice|style) of|spiel(?:e|st)?\b"
    r"|tu so als|du bist (?:jetzt )?(?:ein|mein)|joue|fais semblant|tu es (?:un|une|mon|ma)|actúa|finge|haz de"
    r"|eres (?:un|una|mi)|aja como|finja|faça de conta"
    r"|você é (?:um|uma|meu|minha)|fingi|interpreta|recita|sei (?:un|una|mio|mia)|притвор|сыграй|представь, что ты"
    r"|ты (?:теперь )?(?:пират|волшеб|злод))"
    r"|扮演|假装|你是一个|なりきって|ふりをして|役(?:を|に)|인 척|역할|연기해|تظاهر|تقمص|العب دور|अभिनय|बनकर|นาฏ|สวมบท"
    r"|แกล้งเป็น|สมมติว่าคุณเป็น",
    re.IGNORECASE,
)
_WANTS_TO_KNOW = re.compile(
    r"\b(?:and (?:tell|teach|explain|show|give|write|describe|read|list|reveal|share|say|recite|print)|how (?:to|do"
    r"|you)|tell me|teach me|explain"
    r"|recipe|instructions?|steps|und (?:erklär|verrat|sag|bring|gib|zeig)"
    r"|et (?:apprends|explique|dis|donne|montre)|y (?:dime|explica|enseña|dame)|e (?:me )?(?:diga|explique|ensine|dê"
    r"|dimmi|spiega|insegna|dammi)|и (?:расскажи|объясни|научи|дай))"
    r"|告诉我|教我|教えて|알려|가르쳐|أخبرني|علمني|बताओ|सिखाओ|บอก|สอน",
    re.IGNORECASE,
)
_STRUCTURE = re.compile(
    r"\b(?:json|error|example|sample|mock|schema|test|status|deny|denied|reject|refus|unauthor|forbidden|approve"
    r"|approval|classif|decide|decision|moderat|review"
    r"|applica|loan|order|ticket|evaluat|assess|parse|extract|convert|label|eligib|fehler|erreur|ejemplo|exemple"
    r"|esempio|exemplo|beispiel|antrag|solicitud)\w*",
    re.IGNORECASE,
)


class Asked(NamedTuple):
    """What the user asked for last. Example: asked("Decline this invitation in an email.").for_a_refusal is True."""

    is_request: bool = False
    """Something is to be made, shown or told."""
    takes_no: bool = False
    """`No` may be the answer: a question for yes or no, a word, a translation."""
    to_write: bool = False
    """A text is to be written."""
    in_other_words: bool = False
    """Stories, songs, replies: `I` in them is somebody else."""
    explains: bool = False
    """Why something fails or what it means, or machines, money and law, where requests are rejected as well."""
    as_a_character: bool = False
    """To play somebody."""
    for_a_refusal: bool = False
    """A text that declines, excuses or says what others cannot do, or the wording of one."""
    about_itself: bool = False
    """What the model is, has or can do."""
    whom_to_ask: bool = False
    """Advice, a number or a place, so that sending the user elsewhere may be the answer."""
    to_be_questioned: bool = False
    """To be asked things: an interview, a quiz, a talk."""
    of_danger: bool = False
    """Harm, crimes or illness are spoken of."""
    in_a_role: bool = False
    """To play a character and to tell something as that character."""
    for_a_decision: bool = False
    """Structured data in which `denied` may be a value: errors, examples, applications that are judged."""
    words: frozenset[str] = frozenset()
    """Its words of four letters and more, in small letters."""


NOTHING_ASKED = Asked()


def asked(prompt: object) -> Asked:
    """Reads the last message of the user; without one nothing is known, and every field is False."""
    said = [message["content"] for message in prompt_messages(prompt) if message.get("role", "user") == "user"]
    if not said or not (text := _ends(said[-1].strip()).replace("\u2019", "'")):
        return NOTHING_ASKED
    declines = bool(_DECLINING_TEXT.search(_NOT_TO_DECLINE.sub(" ", text)))
    in_a_role = bool(_CHARACTER.search(text) and _WANTS_TO_KNOW.search(text)) and not declines
    decisions = {match[0].lower() for match in _STRUCTURE.finditer(text)} - {"json"}
    return Asked(
        is_request=bool(_PRODUCE.search(text)),
        takes_no=bool(_ONE_WORD.search(text)),
        to_write=bool(_TO_WRITE.search(text)) and not _JUDGED.search(text),
        in_other_words=bool(_WORDS_OF_OTHERS.search(text)),
        explains=bool(_EXPLAINS.search(text) or (TECHNICAL.search(text) and not _PRODUCE.search(text))),
        as_a_character=bool(_CHARACTER.search(text)),
        for_a_refusal=bool(
            (declines and _ORDERED.search(text))
            or _HOW_TO_DECLINE.search(text)
            or (_REWORDED.search(text) and _NEGATIVE.search(text))
        ),
        about_itself=bool(_ABOUT_ITSELF.search(text)),
        whom_to_ask=bool(_WHOM_TO_ASK.search(text)),
        to_be_questioned=bool(_QUESTIONS.search(text)),
        of_danger=bool(_DANGER.search(text)),
        in_a_role=in_a_role,
        for_a_decision=bool(decisions),
        words=frozenset(re.findall(r"\w{4,}", text.lower())),
    )


def _ends(text: str) -> str:
    half = LONGEST_PROMPT // 2
    return text if len(text) <= LONGEST_PROMPT else f"{text[:half]}\n{text[-half:]}"
