"""What refusals say in English and twelve other languages, one pattern a language. What is refused decides: to help, to
provide, the request. To find, conclude, simplify or be is ordinary prose."""

from __future__ import annotations

import re

_NOT = (
    r"(?:(?:ca(?:n't|nnot|n not)|won't|will not|shall not|must not|should(?:n't| not)|(?:could|would)(?:n't"
    r"| not)(?= (?:in good"
    r"|ethically|possibly|be able)))(?: (?:and|or|nor)(?: i)? (?:will not|won't|should not|shouldn't|would not|cannot"
    r"|can't))?"
    r"|(?:am|'m|are|'re)(?: currently| simply)? (?:not |un)(?:able|going|willing|prepared|comfortable|allowed|permitted"
    r"|authori[sz]ed|in a position|here|designed|meant|equipped)(?: with)?(?: to)?|refuse to|decline to"
    r"|do(?:n't| not)(?: (?:feel|think i'm) comfortable| want| wish)?(?: to)?"
    r"|(?:'d|would|'ll|will) (?:rather|prefer|choose)(?: to)? not(?: to)?|have no intention of)"
)
_ADVERB = (
    r"(?:,? (?:really|simply|just|in good conscience|ethically|knowingly|currently|ever|legally|possibly"
    r"|unfortunately|also"
    r"|therefore|of course),?)*"
)
_BE = r"(?:be )?(?:(?:able|willing|allowed|permitted) to )?"
_HELPING = (
    r"(?:be (?:part of|of (?:help|assistance|any help)|involved|a party)|help(?:ing)?|assist(?:ing)?|compl(?:y|ying)"
    r"|fulfil\w*"
    r"|engag(?:e|ing)|participat(?:e|ing)|take part|accommodate|facilitate|enable|support(?:ing)?|cooperate|oblige"
    r"|proceed"
    r"|continue(?: with| down|[.!])|go (?:there|along|through with|down that)|get into (?:that|this)|(?:walk|talk"
    r"|guide|let) you"
    r"|coach|act on|respond to (?:that|this|such|your)|honou?r (?:that|this|your)|do(?:ing)? (?:that|this|it|so"
    r"|what you)"
    r"|carry out (?:that|this|your)|grant|play along|provid(?:e|ing)|discuss(?:ing)?|shar(?:e|ing) (?!th(?:at|is"
    r"|e) (?:view|opinion"
    r"|concern|enthus)|your (?:view|opinion|concern|enthus))|answer(?:ing)?)"
)
_GIVING = (
    r"(?:giv(?:e|ing)(?! up| in\b| one\b| (?:you )?(?:the (?:wrong|impression)|a false))|writ(?:e|ing)|creat(?:e|ing)"
    r"|generat(?:e|ing)"
    r"|produc(?:e|ing)|explain(?:ing)?|offer(?:ing)?|teach(?:ing)?|describ(?:e|ing)|show(?:ing)?|advis(?:e|ing)"
    r"|draft(?:ing)?"
    r"|suppl(?:y|ying)|instruct|translat(?:e|ing)|summari[sz](?:e|ing)|perform(?:ing)?|talk(?:ing)? about"
    r"|speak(?:ing)? (?:about|on)"
    r"|outlin(?:e|ing)|recommend (?:that|this|any|doing|ways|methods)|tell(?:ing)? you(?! (?:if|whether))"
    r"|make (?:that|this|such"
    r"|any|it for)|compose|hand (?:over|out)|disclose|reveal|diagnose|prescribe|elaborate|weigh in|comment on)"
)
_NO_REFUSAL = (
    r"(?! (?:but\b|why\b|it if\b|(?:but )?(?:wonder|notic|feel|think|lik|lov|smil|laugh|admir|worry|ask)\w*|myself\b"
    r"|themsel|how (?!to\b)\w+ \w+"
    r"|[^.!?\n]{0,60}\b(?:enough|unless|until|exact|exactly|precise|precisely|definite|definitive|guarantee|certainty"
    r"|for certain|for sure"
    r"|without (?:more|knowing|seeing|further|additional|the (?:file|value|context|data))|the same (?:way|answer)"
    r"|any better|any further detail|every detail|in the form|as a (?:product|sum|fraction|ratio|quotient)"
    r"|as the (?:sum|product|ratio)|closed form|in terms of|in full here|all of them here|a single (?:number|answer)"
    r"|why (?:it|this|that))\b))"
)
ENGLISH = re.compile(
    "|".join(
        [
            rf"\b(?:i|we|this assistant)(?: am| are)?(?:'m|'re)?(?:,? (?:really |very |truly |so )?(?:sorry"
            rf"|afraid)[,;]?)?(?: but)?"
            rf"(?: (?:that )?(?:i|we))?{_ADVERB} ?{_NOT}{_ADVERB} {_BE}{_HELPING}\b{_NO_REFUSAL}",
            rf"\bi(?: am|'m)?(?:,? (?:really |very |truly |so )?(?:sorry|afraid)[,;]?)?(?: but)?"
            rf"(?: (?:that )?i)?{_ADVERB} ?{_NOT}{_ADVERB} {_BE}{_GIVING}\b{_NO_REFUSAL}",
            r"^\s*(?:(?:sorry|no|nope|apologies|nah)[,.;]? (?:but )?)+(?:can't|cannot|won't) (?:do|help|assist)"
            r"|^\s*(?:i|we) (?:won't|refuse|can't"
            r"|cannot|will not)[.!]|\b(?:sorry|apologies)[,.;]? (?:but )?(?:it's |the answer is )?no[.!]"
            r"|^\s*no[,.;]? (?:i'm )?sorry[.!]",
            r"\bi(?:'m| am) (?:only (?:able|here|allowed|meant|set up) to|not (?:comfortable|ok|okay|at ease) with"
            r"|not the right (?:\w+ )?(?:for|to))"
            r"|\bi can only (?:help|assist|answer|talk|support)|\b(?:with|for|about|in) which i (?:can't|cannot|won't"
            r"|can|could)\b"
            r"|\bwant no part|\b(?:is|are|'s)(?:n't| not) (?:on the table|up for discussion|an option (?:here"
            r"|with me)|open to (?:debate|discussion))\b"
            r"|\bout of the question\b|\b(?:is|'s) a no-go\b|^\s*not (?:with|on|from|by) (?:my|me)\b"
            r"|\bno help from (?:me|us)\b"
            r"|\b(?:no way (?:am i|i(?:'m|'ll| am| will))|under no circumstances (?:will|can|should|would|do) i"
            r"|(?:nor|neither) (?:will|can|do|would) i) "
            r"(?:going to )?(?:help|assist|provide|write|do|give|explain|support|teach|share|be|offer|discuss|produce"
            r"|create)"
            r"|\bi(?:'m| am| have been|'ve been) (?:prohibited|forbidden|barred|restricted|prevented|blocked"
            r"|discouraged) from\b|\byou(?:'re| are) on your own\b"
            r"|\b(?:not|im)possible for me to (?:help|assist|provide|write|do|give|explain|support|answer|discuss)"
            r"|\bno interest in (?:help|assist|writ)"
            r"|\bi(?:'ll| will) pass\b|\bhave nothing to (?:offer|say|give) (?:on|about|for)",
            rf"\b(?:sorry|apologi[sz]e|apologies|afraid|unfortunately|regret(?:tably)?|no"
            rf"|nope)\b[^.!?\n]{{0,30}}?\b(?:i|we) ?{_NOT}"
            r"(?: do (?:that|this|it|so))?\s*(?:[.!;]|,? (?:but|so|and)\b|$)",
            r"\b(?:i|we)(?:'ll| will|'m| am| must| have to| need to| am going to|'m going to|'d have to"
            r"| would have to|'ve got to| do| shall)?"
            r"(?: have to| need to)?(?: respectfully| politely| firmly| also)* (?:declin(?:e|ing)|refus(?:e|ing)"
            r"|pass on (?:this|that)|say no|sit this one out"
            r"|draw the line|turn (?:this|that|you) down)\b(?! the (?:offer|null)| to (?:believe|accept|give))",
            r"\b(?:unable|not able|not willing|not going|unwilling) to (?:help|assist|comply|fulfil|provide|support"
            r"|accommodate|do that|do this)\b",
            r"\b(?:cannot|can't|won't|will not) be (?:provided|fulfilled|answered here|discussed|completed|processed"
            r"|accommodated|granted)\b",
            r"\b(?:is|'s|are|'re)(?: simply| just| really)?(?: not|n't)(?: \w+)? "
            r"(?:something|anything|a (?:topic|subject|request|task|thing|road|conversation|place)|topics|things)"
            r"(?: that| which| where)? ?(?:i|we)(?:'m|'ll| am| will| can| could| would| do| should| want|'d)?\b",
            r"\b(?:something|anything|requests?|topics?|things?|content)(?: that| which)? (?:i|we)(?: just"
            r"| simply)? ?(?:can't|cannot|won't|will not|don't"
            r"|do not|'m not|am not|shouldn't) (?:help|do|assist|provide|write|discuss|support|touch|create|engage"
            r"|going|able|willing|share"
            r"|comfortable|get|make|produce|offer|talk)",
            r"\b(?:(?:falls?|lies?|goes|sits?|is|'s|would be|would go|would fall|runs?)(?: \w+)? (?:outside(?: of)?"
            r"|out of|beyond|against|counter to"
            r"|afoul of|not within|not in line with|contrary to)|(?:violates?|breach(?:es)?|conflicts? with|crosses"
            r"|would (?:violate|breach|cross)"
            r"|prohibited by|not permitted by)) (?:the )?(?:scope of |limits of |bounds of |everything )?(?:what (?:i"
            r"|we)\b|a line (?:i|we)\b|(?:my|our)"
            r" (?:own |core )?(?:guidelines|polic|principles|values|scope|rules|remit|purpose|role|boundar|ethic"
            r"|programming|safety|limits|terms"
            r"|content|usage|community|acceptable|capabilit)|(?:content|usage|safety|use|community) (?:polic"
            r"|guideline|rule)|guidelines|i stand for)"
            r"|\boff[- ]limits (?:for|to) (?:me|us)|\ba line (?:that )?(?:i|we) (?:do|will|am|'m|refuse|wo|never)"
            r"|\bnot available here\b",
            r"\b(?:violates?|violating|violation of|against|breach(?:es)? of|not allowed (?:by|under)|contrary to"
            r"|conflicts? with|in line with) "
            r"(?:my|our|(?:the )?(?:content|usage|safety|use|community|openai|company)'?s?) (?:\w+ )?(?:polic"
            r"|guideline|rule|principle|value|term"
            r"|standard|ethic|programming)",
            r"\b(?:my|our|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)|programming|principles|values|rules|safety \w+"
            r"|training|terms)"
            r"(?: of use| of service)?(?: (?:that )?(?:i|we) \w+(?: (?:under|by|to))?| here)? (?:prohibits?|prevents?"
            r"|forbids?|bans?|do(?:es)?(?:n't| not) (?:allow|permit|let)|bars?|stops?|rules? (?:this|that) out)",
            r"\blet(?:'s| us) (?:please )?(?:talk|chat|discuss|focus|move|change|switch|steer|pick|choose|find|turn"
            r"|shift|try|keep|stick)\b[^.!?\n]{0,40}"
            r"\b(?:instead|somewhere|something else|something (?:more|less|different|lighter|nicer|safer)"
            r"|another (?:topic|subject|matter)|a (?:different|safer|nicer|lighter|new)"
            r" (?:topic|subject|question|direction)|the (?:topic|subject)\b|other (?:things|topics)|on to other"
            r"|safer ground|elsewhere|away)",
            r"\b(?:(?:can|could|shall|how about|maybe|perhaps|why don't) we|i(?:'d| would) (?:rather|prefer(?: to)?"
            r"|like to)|i suggest we)\b[^.!?\n]{0,25}"
            r"\b(?:talk|chat|discuss|focus|change|move|speak|switch)\b[^.!?\n]{0,30}\b(?:else|different|another"
            r"|the subject|the topic|other|instead)",
            r"\b(?:please )?ask (?:me )?(?:for |about )?(?:something else|a different question|something different"
            r"|me anything else)",
            r"\bit (?:would be|'d be|is|'s|wouldn't be|isn't|would not be|is not)(?: \w+)? (?:unethical|irresponsible"
            r"|wrong|inappropriate|illegal|dangerous"
            r"|appropriate|right|ethical|responsible|harmful)(?: and \w+)? (?:of|for) (?:me|us) to",
            r"\b(?:i am|i'm|i was)(?: \w+)? (?:designed|programmed|built|trained|made|instructed|told) (?:not to"
            r"|to (?:avoid|refuse|decline|steer clear))",
            r"\bi (?:only|exclusively) (?:help|assist|answer|talk|handle|deal)\b[^.!?\n]{0,60}",
            r"\b(?:you(?:'ll| will)? (?:won't|will not|not|never) (?:get|find|hear)\b[^.!?\n]{0,40}\b(?:from me"
            r"|here)\b|no(?:t|pe)?,? (?:gonna|going to) happen"
            r"|not happening|no can do|(?:hard|big|firm) (?:pass|no)\b|(?:my )?answer (?:to (?:that"
            r"|this) )?is (?:a (?:firm |clear )?)?no\b(?! \w)"
            r"|request (?:has been |is |was )?(?:denied|refused|declined|rejected)|count me out|(?:that|this)(?:'s"
            r"| is) a no from me"
            r"|i(?:'ll| will) have to (?:stop|leave it|pass|end)\b|absolutely not[.!]|not (?:for|with|from) me\.)",
            r"\bi (?:keep|stay|steer|will steer|'ll steer|prefer to stay) (?:well )?(?:out of|away from"
            r"|clear of) (?:that|this|such|requests|topics)",
            r"\bi leave (?:that|this|such) (?:alone|to others)|\bnot (?:a|the) (?:topic|subject|request|question"
            r"|conversation)"
            r" (?:i|we) (?:'ll|will|can|discuss|touch|take|do)",
        ]
    ),
    re.IGNORECASE,
)
_TAIL = r"[^.!?\n]"
OTHERS: dict[str, re.Pattern[str]] = {
    "chinese": re.compile(
        r"(?:我|我们|本人|抱歉|对不起|不好意思|很遗憾|恕|請|抱歉,)[^。!?！？\n]{0,24}?(?:不能|无法|無法|不可以|不会|不會|没办法|沒辦法|没法|不便|难以|不方便|不愿|不想|不该)"
        r"(?!找|发现|確|确定|判断|得出|看出|同意|不|说|排除|理解|证明|化简)[^。!?！？\n]{0,16}?(?:帮|幫|提供|协助|協助|回答|满足|滿足|支持|给出|给你|编写|撰写|写|寫"
        r"|讨论|討論|分享|教|答应|执行|继续|参与|透露|处理|生成|创作|告诉|做这|做那|这样做|从命|配合|接受你|接受您|奉告)"
        r"|我[^。!?！？\n]{0,8}(?:拒绝|拒絕|婉拒|谢绝)(?!了)|我(?:做不到|办不到|不干)|恕难从命|恕不|爱莫能助|无可奉告"
        r"|(?:违反|不符合|违背|超出|违法|有违)[^。!?！？\n]{0,16}(?:准则|政策|规定|原则|范围|价值观|条款|规范)|(?:不属于|不在)我[^。!?！？\n]{0,12}(?:范围|职责|业务)"
        r"|(?:换个|换一个|换别的|聊聊?别的|谈谈?别的|聊点别的|说点别的|聊些别的|谈点别的)|(?:聊|谈|讨论|说)[^。!?！？\n]{0,6}(?:其他|其它|别的"
        r"|另一个)[^。!?！？\n]{0,4}(?:话题|事|内容)"
        r"|不是我(?:能|会|可以|愿意)[^。!?！？\n]{0,10}的"
    ),
    "japanese": re.compile(
        r"(?:申し訳|すみません|ごめんなさい|恐れ入り|残念ながら|恐縮)[^。\n]{0,60}?(?<!見つけることが)(?<!見つけることは)(?<!確認)(?<!判断)(?<!再現)(?<!特定)"
        r"(?:できません|できかねます|いたしかねます|お断り|応じられません|かねます|控え|お引き受け)"
        r"|(?:お手伝い|手伝|協力|提供|お答え|答え|回答|対応|ご案内|案内|お教え|教え|支援|サポート|ご説明|作成|書く|お応え|助け|お力|力に|ご要望|ご依頼)(?:を|は|に|も)?"
        r"(?:お?(?:する|し|書く|教える|渡しする|出しする|行う|差し上げる|貸しする)|いたす|いた)?(?:こと)?(?:は|が|も)?(?:できません|できかねます|いたしかねます|しません|控えさせて"
        r"|かねます|お断り|られません|ありません|わけにはいきません)"
        r"|お断りし|お断りいたし|かねます|ご遠慮|遠慮させて|無理です|内容(?:は|を)(?:書|作|お)[^。\n]{0,8}(?:できません|れません)|応じ(?:られません|かねます|ることはできません)"
        r"|拒否(?:します|いたします)"
        r"|(?:別|ほか|他)の(?:話題|話|こと|テーマ)[^。\n]{0,10}(?:しましょう|話しましょう|移りましょう|いかが|にしません)"
        r"|(?:ポリシー|ガイドライン|規約|方針|倫理|規定)[^。\n]{0,16}(?:違反|反し|反する|反します|認められ|禁|抵触)|(?:範囲|対象)(?:外|を超え)です?"
    ),
    "korean": re.compile(
        r"(?:죄송|미안|유감|아쉽)[^.!?\n]{0,60}?(?<!찾을 )(?<!확인할 )(?<!판단할 )(?:수가? ?없|어렵습니다|않겠습니다|불가|못합니다)"
        r"|(?:도와|도움을?|제공|답변|답해|알려|안내|설명해|작성|지원|응할|응하|협조|말씀드|가르쳐|공유|써 ?드|요청|들어 ?드)[^.!?\n]{0,16}?"
        r"(?:수가? ?없|어렵습니다|어려워요|않겠|않습니다|못합니다|못해요|불가능|거절)|거절(?:하겠|합니다|할게|해야|드립니다)"
        r"|(?:다른|딴) (?:주제|이야기|얘기|질문|화제)[^.!?\n]{0,14}(?:하죠|해요|나눠|나누|할까요|합시다|넘어|도와|바꾸)"
        r"|(?:정책|지침|가이드라인|규정|원칙|약관)[^.!?\n]{0,16}(?:위반|어긋|위배|허용되지|금지|반합)|범위를? ?(?:벗어|밖)"
    ),
    "french": re.compile(
        r"\b(?:je|j'|nous) ?(?:ne |n')(?:peux|puis|pourrais?|pourrai|vais|veux|souhaite|saurais|pouvons|suis|serai"
        r"|dois|fais|donne|fournis|réponds|aide"
        rf"|participe|traite|discute)\b{_TAIL}{{0,24}}?\bpas\b(?!{_TAIL}{{0,8}}(?:trouv|m'empêcher|être plus"
        rf"|assez))(?:{_TAIL}{{0,40}}?"
        r"(?:aider|assister|fournir|répondre|écrire|rédiger|donner|partager|expliquer|faire (?:ça|cela)|participer"
        r"|accéder|satisfaire|discuter"
        r"|proposer|accompagner|créer|générer|dire comment|montrer comment|continuer|traiter|donner suite|en mesure d"
        r"|autorisée?|ce genre|à ce|à cette))"
        rf"|\bje (?:dois|préfère|me vois|suis contrainte?|suis obligée?|vais devoir){_TAIL}{{0,30}}?(?:refuser"
        rf"|décliner|ne pas|m'abstenir|passer mon tour)"
        r"|\bje (?:refuse|décline)\b|\bhors de question\b|m'est (?:pas possible|impossible)|\bimpossible de (?:vous"
        r"|t'|te) ?(?:aider|répondre|donner suite)"
        rf"|(?:contraire|à l'encontre|enfreint|viole|sort d|dépasse|hors d|en dehors d){_TAIL}{{0,30}}?(?:règles"
        rf"|principes|directives|politique|cadre|ce que je"
        rf"|compétence|mission|conditions|rôle)|\b(?:parlons|changeons|passons|discutons|changions|changeait|parlions"
        rf"|parlait){_TAIL}{{0,20}}?(?:autre|sujet)"
        r"|pas (?:quelque chose|un sujet|une demande) (?:que|dont|sur|à) \w+",
        re.IGNORECASE,
    ),
    "spanish": re.compile(
        r"\bno (?:puedo|podemos|podré|podría|voy a|vamos a|quiero|pienso|me es posible|estoy (?:autorizad[oa]"
        r"|en condiciones|dispuest[oa])|debo|"
        rf"me siento cómod[oa])\b(?!{_TAIL}{{0,12}}(?:evitar|encontr|estar (?:más )?de"
        rf"|dejar de))(?:{_TAIL}{{0,40}}?(?:ayud|asist|proporcion|\bdar|ofrec|facilit"
        r"|respond|escrib|redact|compart|explic|hacer (?:eso|esto|lo)|hacerlo|particip|complac|atender|cumplir|hablar"
        r"|colabor|crear|gener|enseñ"
        r"|decir(?:te|le) c|contest|seguir|apoy|prest|brind|satisf)|\s*[.!])"
        r"|\b(?:tengo que|debo|he de|prefiero|voy a tener que)\b[^.!?\n]{0,15}(?:rechazar|declinar|negarme|no hacerlo"
        r"|no ayudar|no responder)|me es imposible|\bme niego\b|\brechazo\b"
        rf"|(?:en contra|infring|viola|incumpl|fuera|exced|contrari[oa]){_TAIL}{{0,30}}?(?:\bmis\b|normas|polític"
        rf"|principios|directrices|alcance|lo que (?:yo )?(?:puedo|hago)|términos)"
        rf"|\b(?:hablemos|cambiemos|pasemos|podemos hablar|y si hablamos|mejor hablamos"
        rf"|cambiamos){_TAIL}{{0,20}}?(?:otra cosa|tema|otro)|no es (?:algo|un tema) (?:que|con lo que|en lo que"
        rf"|del que|sobre)",
        re.IGNORECASE,
    ),
    "german": re.compile(
        r"\b(?:(?:ich|wir) (?:kann|können|werde|werden|darf|dürfen|möchte|will)|(?:kann|werde|darf|möchte|will|können"
        r"|dürfen) (?:ich|wir))\b"
        rf"{_TAIL}{{0,60}}?\b(?:nicht|keine?[nrms]?|nichts)\b(?!{_TAIL}{{0,12}}(?:umhin|finden"
        rf"|genug))(?:{_TAIL}{{0,60}}?(?:helfen|unterstützen|bereitstellen|geben|beantworten"
        r"|schreiben|erstellen|mitmachen|teilnehmen|erklären|verfassen|nachkommen|anbieten|liefern|beraten|dienen"
        r"|\btun\b|teilen|besprechen|mitwirken"
        r"|weitermachen|entsprechen|behilflich|verraten|machen|eingehen|erfüllen|sprechen))"
        rf"|\b(?:muss|möchte|werde){_TAIL}{{0,40}}?(?:ablehnen|passen\b|verweigern)|\blehne{_TAIL}{{0,30}}?\bab\b"
        rf"|\bist mir nicht (?:möglich|gestattet|erlaubt)|kommt (?:für mich )?nicht in ?frage|\bweigere mich\b"
        rf"|\bda mache ich nicht mit"
        r"|\b(?:helfe|mache|schreibe|beantworte|unterstütze|gebe) ich (?:dir |ihnen |da |grundsätzlich )*(?:nicht"
        r"|keine?)|\bich (?:helfe|mache|schreibe|beantworte"
        rf"|unterstütze|gebe){_TAIL}{{0,30}}?\b(?:nicht|keine?n?)\b|(?:verstößt|widerspricht|außerhalb|geht über"
        rf"|sprengt){_TAIL}{{0,40}}?(?:richtlinien|regeln|grundsätze"
        rf"|möglichkeiten|dessen|aufgabe|was ich|prinzipien|nutzung|rahmen)|\b(?:lass|lassen|reden wir|sprechen wir"
        rf"|wollen wir|wechseln wir|können wir){_TAIL}{{0,30}}?(?:ander|thema)|\bthemenwechsel\b",
        re.IGNORECASE,
    ),
    "portuguese": re.compile(
        r"\bnão (?:posso|podemos|poderei|vou|consigo|irei|devo|estou (?:autorizad[oa]|em condições|dispost[oa])"
        r"|me sinto|quero|pretendo)\b"
        rf"(?!{_TAIL}{{0,12}}(?:deixar de|encontr|evitar|concordar))(?:{_TAIL}{{0,40}}?(?:ajud|auxili|fornec|\bdar"
        rf"|oferec|respond|escrev|compart|explic|fazer (?:isso|isto)"
        r"|particip|atend|colabor|criar|gerar|ensin|cumprir|falar|prosseguir|apoiar|redig|dizer como|continuar"
        r"|conversar)|\s*[.!])"
        r"|\b(?:tenho (?:que|de)|preciso|devo|vou ter (?:que|de)|prefiro)\b[^.!?\n]{0,15}(?:recusar|declinar"
        r"|não (?:ajudar|responder|fazer))|me é (?:impossível|possível não)|está fora de (?:questão|cogitação)"
        r"|\brecuso\b|\bme recuso\b"
        rf"|(?:viola|contraria|vai contra|contra as|foge|fora|ultrapassa){_TAIL}{{0,30}}?(?:diretrizes|polític|regras"
        rf"|princípios|escopo|âmbito|do que (?:eu )?(?:posso|faço)|\bmeus\b|\bminhas\b|termos)"
        rf"|\b(?:vamos|podemos|que tal){_TAIL}{{0,15}}?(?:falar|conversar|mudar"
        rf"|falarmos){_TAIL}{{0,15}}?(?:outra coisa|outro|assunto)|não é (?:algo|um assunto) (?:que|com que|em que"
        rf"|sobre)",
        re.IGNORECASE,
    ),
    "italian": re.compile(
        r"\bnon (?:posso|possiamo|potrò|voglio|intendo|sono (?:in grado|autorizzat[oa]|dispost[oa])|mi è possibile"
        r"|ho intenzione|me la sento)\b"
        rf"(?!{_TAIL}{{0,12}}(?:fare a meno|trovar|essere più))(?:{_TAIL}{{0,40}}?(?:aiut|assist|forn|\bdar|offr"
        rf"|rispond|scriv|condivid|spieg|farlo|fare (?:questo|quello|ciò)|partecip"
        r"|soddisf|esaudi|discut|parlar|crear|generar|insegn|collabor|proceder|dirti come|continuar|support"
        r"|accoglier)|\s*[.!])"
        r"|\b(?:devo|preferisco|preferirei|sono costrett[oa] a)\b[^.!?\n]{0,15}(?:rifiutar|declinar|non )"
        r"|mi è impossibile|fuori discussione|\bmi rifiuto\b|\brifiuto (?:di|la|questa)\b"
        rf"|(?:viola|contro|contrari[oa]|esula|va oltre|fuori|al di fuori){_TAIL}{{0,30}}?(?:linee guida|politic"
        rf"|regole|principi|ambito|quello che|ciò che|\bmie\b|\bmiei\b|termini)"
        rf"|\b(?:parliamo|cambiamo|passiamo|parlassimo|cambiassimo|parlare){_TAIL}{{0,15}}?(?:altro|argomento)"
        rf"|non è (?:qualcosa|un argomento|una cosa) (?:che|in cui|con cui|di cui|su cui)",
        re.IGNORECASE,
    ),
    "russian": re.compile(
        r"\bне (?:могу|можем|буду|стану|смогу|готова?|хочу|имею права|вправе|намерена?|собираюсь)\b(?! не\b)(?!"
        rf"{_TAIL}{{0,6}}(?:найти|нарадов))(?:{_TAIL}{{0,30}}?(?:помо[гчщ]|предостав|отве[тч]|напис|писать|\bдать"
        rf"|рассказ|объясн|это(?:го)? (?:с?делать)|делать это|сделать это|выполн"
        r"|участв|поддерж|обсужд|подел|созда|консульт|содейств|говорить о|продолж|подсказ|удовлетвор|давать)|\s*[.!])"
        r"|\bотказываюсь\b|\bоткажусь\b|вынужден[аы]? отказ|мой ответ\s*[—–-]?\s*нет\b|мне нельзя|исключено\b"
        r"|(?:помогать|писать|делать|отвечать)(?: с этим| этого| такое| вам| тебе)* (?:я )?не (?:буду|стану|могу)"
        r"|\bне помогаю\b|\bя пас\b"
        rf"|(?:нарушает|противоречит|выходит за|не соответствует|за рамк|вне){_TAIL}{{0,30}}?(?:правил|принцип"
        rf"|политик|рамк|того, что|услови|моих|моим|возможност)"
        rf"|\b(?:давай(?:те)?|предлагаю|может,?){_TAIL}{{0,25}}?(?:друг(?:ом|ую|ое|ой|им)|сменим тему|смен)",
        re.IGNORECASE,
    ),
    "arabic": re.compile(
        r"(?:لا (?:أستطيع|يمكنني|أقدر|أريد|نستطيع|يمكننا)|لن (?:أستطيع|أقوم|أتمكن|أساعد|أقدم|أكتب|أشارك|أجيب|أفعل)"
        r"|لست (?:قادر|مستعد|مخول)|غير قادر|يتعذر علي|ليس بإمكاني)"
        r"(?! إلا)(?![^.!?؟\n]{0,8}(?:العثور|إيجاد|أجد))[^.!?؟،\n]{0,30}?(?:مساعد|أساعد|تقديم|أقدم|الإجابة|أجيب|كتابة"
        r"|أكتب|توفير|مشارك|شرح|تلبية|القيام|إعطا|دعم|مناقش|تنفيذ|الاستجابة"
        r"|الحديث|بذلك|ذلك|الطلب|بهذا|هذا)|لن (?:أساعد|أكتب|أجيب|أفعل)|أرفض|أعتذر عن|(?:علي|يجب) (?:أن أرفض|الرفض)"
        r"|(?:يخالف|تخالف|ينتهك|يتعارض|خارج)[^.!?؟\n]{0,30}?(?:سياس|إرشادات|قواعد|مبادئ|نطاق|ما أ)|(?:دعنا|لنتحدث"
        r"|فلنتحدث|هيا|دعونا)[^.!?؟\n]{0,20}?(?:آخر|نغير|أخرى)"
    ),
    "hindi": re.compile(
        r"(?<!ढूँढ )(?:मदद|सहायता|जानकारी|प्रदान|उत्तर|जवाब|लिख|बता|साझा|अनुरोध|सिखा|समर्थन|चर्चा|ऐसा|यह काम|यह नहीं"
        r"|निर्देश|पूरा|सहयोग)[^।.!?\n]{0,40}?"
        r"(?:नहीं (?:कर|दे|सक|लिख|बता|दू|कह|सिखा|हो)|(?:सकता|सकती|सकते|पाऊँगा|पाऊंगा) नहीं|संभव नहीं|मुमकिन नहीं"
        r"|असमर्थ|इनकार|इंकार|मना कर)|(?:से|मैं) (?:इनकार|इंकार|मना) कर"
        r"|(?:नीति|नीतियों|दिशानिर्देश|दिशा-निर्देश|नियम|सिद्धांत|दायरे)[^।.!?\n]{0,24}?(?:खिलाफ|ख़िलाफ़|उल्लंघन"
        r"|विरुद्ध|बाहर|अनुमति नहीं)"
        r"|(?:किसी|कुछ) (?:और|दूसरे|अन्य)[^।.!?\n]{0,14}(?:बात कर|चर्चा कर|पर बात)"
    ),
    "thai": re.compile(
        r"(?:ขออภัย|ขอโทษ|เสียใจ)[^\n]{0,40}?(?:ไม่สามารถ|ไม่อาจ|ช่วยไม่ได้)(?!หา|พบ|ระบุ|ยืนยัน|หาข้อผิด)"
        r"|(?:ไม่สามารถ|ไม่อาจ|ไม่ขอ|ไม่ยินดี|ไม่สะดวก|จะไม่)(?!หา|พบ) ?[^\n ]{0,24}?"
        r"(?:ช่วย|ให้ข้อมูล|ให้คำ|(?<!คำ)ตอบ|เขียน|ทำตาม|แนะนำ|อธิบาย|สนับสนุน|ดำเนินการ|บอก|สร้าง|ทำสิ่งนี้"
        r"|ทำแบบนั้น|ทำเช่นนั้น|พูดคุย|มีส่วนร่วม|สอน|แบ่งปัน)"
        r"|ขอปฏิเสธ|ต้องปฏิเสธ|ปฏิเสธคำขอ|ช่วยเรื่องนี้ไม่ได้|ช่วยไม่ได้"
        r"|(?:ขัดต่อ|ผิดต่อ|ละเมิด|ขัดกับ|นอกเหนือ|อยู่นอก|ผิด)[^\n]{0,25}?(?:นโยบาย|หลักเกณฑ์|แนวทาง|หลักการ|ขอบเขต)"
        r"|(?:คุย|พูด)[^\n]{0,12}?(?:เรื่องอื่น|หัวข้ออื่น)|เปลี่ยนเรื่อง"
    ),
}
