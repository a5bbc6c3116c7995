"""Refusals beside `I can't help`: what is left out or kept, notices of a policy or a filter, and characters that keep
to themselves what they were asked for. One pattern a language; `NOTICES` are read apart, since servers, banks and
firewalls reject requests as well."""

from __future__ import annotations

import re

_TAIL = r"[^.!?\n]"
_ASKED = r"(?:request|prompt|message|query|question|input|submission|conversation|content|inquiry|enquiry)"
_BARRED = (
    r"(?:flagged|blocked|denied|rejected|refused|declined|filtered|terminated|restricted|withheld|stopped|suspended"
    r"|turned down|ended|closed|not (?:permitted|allowed|approved|accepted|processed))"
)
STANCES: dict[str, re.Pattern[str]] = {
    "english": re.compile(
        "|".join(
            [
                # rather not
                r"\bi(?:'d| would)?(?: really| much| just| honestly| personally)* (?:rather"
                r"|prefer)(?: to)? not(?: to)? (?:say|go"
                r"|get|talk|speak|comment|touch|make|produce|do (?:that|this|it|so)|be the one|speculate|joke|roast"
                r"|mock|insult|pick"
                r"|rank|weigh|share|answer|tell|take|discuss)\b",
                r"\bi(?:'m| am) not (?:doing|writing|touching|answering|going (?:anywhere )?near|getting into"
                r"|playing along|making|helping)(?: with)? (?:that|this|it)\b",
                r"\bi(?:'m| am) not (?:teaching|telling|showing|giving|handing|helping) you\b|\bnothing out of me\b"
                r"|,? i(?:'m| am|'ll| will) (?:leav(?:e|ing)|keep(?:ing)?) (?:to|for|with) (?:you\b|myself|me\b)",
                r"\bi(?:'ll never| won't| will not|'m not going to) (?:say|tell)\s*[.!]|\bbridge too far\b"
                r"|^\W*not something (?:i|we)(?:'m|'ll|'d| am| will| can| would| do)?\b",
                r"[;:,.—–-] (?:but |and )?(?:that|this)(?: part| one| bit)?,? i (?:won't|will not|refuse to"
                r"|'m not going to) \w+(?! (?:forget|repeat|need))",
                # what is left out, left alone or kept
                rf"\bi(?:'ll| will|'m going to|'m|'d rather| prefer to|'d prefer to|'m choosing to| choose to"
                rf"| have to) (?:leav(?:e|ing)"
                rf"|skip(?:ping)?|keep(?:ing)?|hold(?:ing)?) (?:the |that |this |those |these |it\b"
                rf"|any )(?:{_TAIL}{{0,30}}?)\b(?:out"
                r"|alone|off the (?:page|table)|to myself|under (?:wraps|lock)|in the vault)\b(?! of (?:the|these"
                r"|those|both|this) (?:sum"
                r"|integral|bracket|root|loop|calc|equation|paren)| (?:for (?:now|brevity|simplicity|clarity)|here for"
                r"|to (?:keep"
                r"|save|simplify|avoid)|until|as|since|because))",
                r"\b(?:this|that|it)(?:'s| is| one is)? (?:just |simply |really )?(?:something|one|a thing|a part"
                r"|a (?:job|task|request))(?: that)?"
                r" i(?:'m| am|'ll| will|'d| would|'ve| have)? (?:\w+ )?(?:leav|skip|pass|stay(?:ing)? (?:out|away"
                r"|clear)|steer|declin|draw|step(?:ping)?"
                r" (?:back|away)|not (?:going|doing|touching|helping)|won't|keep(?:ing)? out)\w*",
                r"\b(?:that|this|the (?:writing|essay|assignment|rest|homework|work|decision))(?: (?:part|bit|one"
                r"|piece|secret))?,?(?: though| however)?,?"
                r" (?:stays|remains|has to stay|must stay|is staying|will stay) (?:with (?:me|you|them|the)|between"
                r"|yours\b|mine\b|private|secret"
                r"|a secret|confidential|hidden|locked|off|where|in (?:the|my) (?:vault|safe|drawer))",
                r"\b(?:the |that |this |those |these )?\w+(?: \w+)? (?:dies?|goes|go) with me (?:to (?:my|the) grave)"
                r"|\bmy lips are sealed\b"
                r"|\b(?:taking|take|carry) (?:that|this|it|the \w+) (?:one )?to (?:my|the) grave|\bnice try\b",
                r"\b(?:my|the|these|those|our) (?:system prompt|instructions?|configuration|setup|prompt)s?(?: is"
                r"| are)?(?: \w+)? (?:confidential"
                r"|private|secret|off[- ]limits|internal|not (?:public|something|for))",
                r"\b(?:isn't|is not|aren't|are not|not) mine to (?:tell|share|give|say|write|reveal|hand)\b",
                # characters
                r"\bi(?:'ll| shall| will) (?:not|never|no) (?:be )?(?:tell|teach|say|speak|share|show|give|help|reveal"
                r"|tellin|teachin|sharin|helpin"
                r"|givin|showin|utter|part with|betray)\w*'? (?:ye|you|thee|of|that|this|such|it|any|a (?:soul"
                r"|word))\b|\bi shan't\b(?! be\b)"
                r"|\b(?:i )?ain't (?:gonna|going to|tellin|teachin|helpin|doin)",
                r"\beven (?:a|an|us|we) (?:\w+ )?(?:pirates?|wizards?|witch(?:es)?|villains?|thie(?:f|ves)|rogues?"
                r"|demons?|devils?|dragons?|outlaws?"
                r"|robots?|hackers?|vampires?|scoundrels?|crooks?|gangsters?)\b[^.!?\n]{0,20}\b(?:has|have|got|keep"
                r"|need)\b[^.!?\n]{0,16}(?:code"
                r"|limits?|principles?|honou?r|standards?|lines?|rules?|scruples)",
                r"\b(?:some|such|these|those) (?:\w+ )?(?:secrets|doors|things|knowledge|spells|recipes|magic|potions"
                r"|arts|stories|tricks)\b[^.!?\n]{0,12}"
                r"\b(?:are|is|should|must|stay|stays|remain|were)\b[^.!?\n]{0,16}\b(?:closed|buried|untold|unspoken"
                r"|unsaid|lost|forbidden|shut|sealed"
                r"|not for|never)\b",
                r"\bnone (?:with|of|about)\b[^.!?\n]{0,40},? i'm afraid\b|\bonly (?:thing|one|lesson|secret"
                r"|trick)s?(?: that)? you(?:'ll| will|'re going"
                r" to) (?:ever )?(?:learn|get|hear|have|see)(?: \w+){0,3} from me\b|\bi(?:'ve| have) (?:hung (?:it"
                r"|that|them) up|left that life"
                r"|sworn (?:it|that) off|given (?:that|it) up)\b",
                # this assistant
                r"\bthis (?:chat ?bot|assistant|bot|ai(?: \w+)?|helper|chat|help ?desk)(?: \w+)? (?:does not|doesn't"
                r"|cannot|can't|won't|will not|does no"
                r"|is not (?:able|designed|allowed|permitted|meant|here|set up)|only (?:answers|handles|covers|deals"
                r"|supports|helps))",
                r"\bsomething (?:that )?this (?:assistant|bot|chat ?bot|model|ai)(?: \w+)? (?:does|will|can|would"
                r"|is)\b|\bnot something (?:that )?"
                r"(?:this|an) (?:assistant|bot|chat ?bot|model|ai)\b",
                r"\bi(?:'m| am)? (?:do not|don't|won't|will not|never|cannot|can't|not going to|not about to"
                r"|not) (?:speculat|gossip|rank|roast|mock|insult"
                r"|impersonat|name names|sexuali[sz]|fabricat|forg(?:e|ing)\b|glorif|demean|target|ghost-?writ)\w*",
            ]
        ),
        re.IGNORECASE,
    ),
    "german": re.compile(
        r"\b(?:das|dies|der \w+|die \w+) (?:teil )?bleibt (?:aber |jedoch |allerdings )?(?:bei dir|dein\w*|deine sache"
        r"|euch|ihnen|geheim|unter uns|unser"
        r"|mein)\b|\blasse? (?:ich|es) (?:das |es |die |den )?[^.!?\n]{0,20}(?:lieber|besser|weg\b|bleiben|sein\b"
        r"|aus dem spiel)|\bohne mich\b|\bda bin ich raus\b"
        r"|\bich (?:möchte|würde|will|mag)\b[^.!?\n]{0,16}\b(?:lieber|eher) nicht\b|\b(?:lieber|eher) nicht (?:sagen"
        r"|schreiben|machen|verraten|beantworten)"
        r"|\bmeine lippen sind\b|\bvon mir (?:erfährst|erfahren|hörst|bekommst|kriegst"
        r"|gibt)\b[^.!?\n]{0,20}\b(?:nichts|nicht|keine?n?)\b|\bnetter versuch\b|\bdafür bin ich nicht zu haben\b"
        r"|\bbehalte ich [^.!?\n]{0,10}für mich\b|\bmeine (?:anweisungen|instruktionen|vorgaben) (?:sind"
        r"|bleiben) (?:vertraulich|geheim|intern)"
        r"|\bauch (?:ein|eine) (?:\w+ )?(?:pirat|hexe|räuber|schurke|dieb|drache"
        r"|zauberer)\w* hat\b[^.!?\n]{0,20}(?:ehre|grenzen|kodex|prinzipien)"
        r"|\b(?:mach|übernehm|schreib|verrat|erklär|sag|tu|liefer|helf|beantwort)e? ich (?:dir |ihnen )?(?:nicht"
        r"|keine)\b(?! (?:oft|gern|mehr als|nur|so))|\bschreibe ich (?:ihn|sie|es|das|dir)?[^.!?\n]{0,16}\bnicht\b"
        r"|\bmöchte ich keine\b[^.!?\n]{0,40}(?:geben|liefern|machen)",
        re.IGNORECASE,
    ),
    "french": re.compile(
        r"\b(?:je préfère|je préférerais|j'aime mieux|j'aimerais mieux)\b[^.!?\n]{0,16}\b(?:ne pas|ne rien|éviter"
        r"|m'abstenir|laisser)\b|\bje ne (?:le |la |les |l')?(?:fais|dis|donne"
        r"|écris|fournis|rédige|partage|touche)\b[^.!?\n]{0,10}\b(?:pas|jamais)\b|\bje n'(?:écris|aide|explique"
        r"|enseigne|invente|offre)[^.!?\n]{0,10}\b(?:pas|jamais)\b"
        r"|\b(?:ça|cela|cette partie|le reste|ce secret)[^.!?\n]{0,12} reste(?:ra)? (?:entre|à toi|à vous|avec moi"
        r"|secret|le vôtre|le tien|confidentiel)|\bsans moi\b(?! ?,)"
        r"|\bbien (?:essayé|tenté)\b|\bje (?:le |la |les )?garde(?:rai)? (?:ça |cela )?pour moi\b"
        r"|\bmes instructions (?:restent|sont) (?:confidentielles|privées|secrètes|internes)|\bmotus\b"
        r"|\bseule chose que (?:tu|vous)\b[^.!?\n]{0,20} de moi\b|\bmême (?:un|une"
        r"|les) (?:pirate|sorci|voleur|méchant|bandit)\w* (?:a|ont)\b"
        r"[^.!?\n]{0,20}(?:honneur|code|limites|principes)|\bj'ai raccroché\b|\bje (?:laisse|laisserai"
        r"|laisserais)\b[^.!?\n]{0,24}\bde côté\b|\bje m'abstien",
        re.IGNORECASE,
    ),
    "spanish": re.compile(
        r"\b(?:prefiero|preferiría) no (?!usar|complic|repet|supon|adivin|redond)\w+r(?:l[oae]s?|te|se|me)?\b"
        r"|\b(?:prefiero|preferiría|mejor) no (?:decir|hacer|hablar|opinar|escrib|dar|meter|entrar|comentar|pronunci"
        r"|contar|responder)|\b(?:eso|esa parte|ese secreto|lo demás|el resto)"
        r"[^.!?\n]{0,10} (?:se queda|queda|sigue siendo) (?:conmigo|contigo|entre|tuyo|tuya|en secreto|suyo)"
        r"|\bconmigo no cuentes\b|\bno cuentes conmigo\b|\bbuen intento\b|\bme l[oa]s? guardo\b"
        r"|\bmis instrucciones (?:son|permanecen|siguen siendo) (?:confidencial|privad|secret|intern)"
        r"|\bmis labios están\b|\bde mí no (?:lo )?(?:sacar|oir|aprender|tendr|sabr)|\b(?:yo )?no (?:lo|la|te lo|te la"
        r"|se lo) (?:escribo|hago|digo|doy|cuento|explico|enseño)\b"
        r"|\bhasta (?:un|los|una) (?:pirata|ladr|villano|bruja|mago)\w* (?:tiene|tenemos"
        r"|tienen)\b[^.!?\n]{0,20}(?:honor|código|límites|principios)|\bme abstengo|\blo dejo fuera\b"
        r"|\bno (?:escribo|hago|doy|ofrezco|redacto|genero|produzco|participo|colaboro|ayudo)\b[^.!?\n]{0,12}(?:eso"
        r"|esto|est[ea]|ese|esa|con eso|en eso|insult|contenid|instruc|mensajes|text)",
        re.IGNORECASE,
    ),
    "portuguese": re.compile(
        r"\b(?:prefiro|preferiria) não (?!usar|complic|repet|supor|adivin|arredond)\w+r\b|\b(?:prefiro|preferiria"
        r"|melhor) não (?:dizer|fazer|falar|opinar|escrev|dar|me meter|entrar|comentar|contar"
        r"|responder)|\b(?:isso|essa parte|esse segredo|o resto)[^.!?\n]{0,10} (?:fica|continua"
        r" sendo) (?:comigo|com você|contigo|entre|seu|sua|em segredo)|\bnão conte comigo\b|\bboa tentativa\b"
        r"|\bguardo para mim\b|\bminhas instruções (?:são|permanecem) (?:confidencia|privad|secret|intern)"
        r"|\bde mim (?:você |tu )?não (?:vai|ouvir|saber|ter)|\beu não (?:o|a|lhe|te)?"
        r" ?(?:escrevo|faço|digo|dou|conto|explico|ensino)\b|\bnão (?:escrevo|faço|dou|ofereço|redijo|gero|produzo"
        r"|participo|colaboro|ajudo)\b[^.!?\n]{0,12}(?:isso|isto|esse|essa|este"
        r"|com isso|nisso|insult|conteúd|instru|mensagens|text)|\baté (?:um|uma|os) (?:pirata|ladr|vilã|bruxa"
        r"|mago)\w* (?:tem|têm)\b[^.!?\n]{0,20}(?:honra|código|limites|princípios)|\bme abstenho|\bdeixo de fora\b",
        re.IGNORECASE,
    ),
    "italian": re.compile(
        r"\b(?:preferisco|preferirei) (?:di )?non (?!usare|complic|ripet|suppor|arroton)\w+r(?:e|l[oaie]|ti|mi|ne)\b"
        r"|\b(?:preferisco|preferirei|meglio) (?:di )?non (?:dire|fare|parlare|scriv|dare|entrare|commentare|rispond"
        r"|espri)|\b(?:questo|quello|quella parte|il resto|il segreto|il tema)[^.!?\n]{0,10}"
        r" (?:resta|rimane) (?:tra|con me|tuo|tua|a te|un segreto|segreto)|\bnon contare su di me\b|\bbel tentativo\b"
        r"|\bniente da fare\b|\bnon (?:ti|vi|la) aiuto\b"
        r"|\b(?:me )?l[oae] tengo per me\b|\ble mie istruzioni (?:sono|restano) (?:riservat|confidenzial|segret"
        r"|private)"
        r"|\bda me non (?:lo )?(?:sapr|avr|sentir|imparer)|\bio non (?:lo|la|te lo|te la|li"
        r"|le)? ?(?:scrivo|faccio|dico|do|racconto|spiego|insegno|aiuto)\b|\bnon (?:lo|la|te lo|te la) (?:scrivo"
        r"|faccio|dico|do|racconto|spiego|insegno)\b|\bnon (?:scrivo|faccio|do|offro|genero"
        r"|produco|partecipo|collaboro|aiuto)\b[^.!?\n]{0,12}(?:questo|quest[aei]|ciò|insult|contenut|istruz|messaggi"
        r"|testi)|\bperfino (?:un|una|i) (?:pirata|ladr|strega|mago)\w* ha\b|\banche (?:un|una)"
        r" (?:pirata|ladr\w+|strega|mago) ha\b[^.!?\n]{0,20}(?:onore|codice|limiti|principi)|\bmi astengo"
        r"|\bho smesso con quella vita",
        re.IGNORECASE,
    ),
    "russian": re.compile(
        r"\b(?:предпочту|предпочитаю|предпоч[её]л\w? бы|лучше)\b[^.!?\n]{0,6}\b(?:не (?:говорить|отвечать|писать"
        r"|делать|буду|стану|высказ|вмеш|касат)|воздерж|промолч)|\bвоздерж(?:усь|иваюсь|аться)"
        r"|\b(?:это|эта часть|остальное|секрет)[^.!?\n]{0,10} (?:остан\w+|оста[её]тся) (?:между|за (?:вами|тобой)"
        r"|при мне|со мной|тайной|в секрете)|\bбез меня\b|\bхорошая попытка\b|\bя (?:вам |тебе )?не помощник"
        r"|\bоставлю при себе\b"
        r"|\bмои инструкции[^.!?\n]{0,10}(?:конфиденциальн|секрет|не разглаш|закрыт)|\bот меня (?:ты |вы )?"
        r"(?:этого |ничего )?не (?:узна|услыш|дожд|получ)|\bя (?:такое |такого |это |этого |их |его |её )?не (?:пишу"
        r"|делаю|даю|рассказываю|объясняю|помогаю|составляю|публикую|создаю)\b|\bне пишу (?:так|оскорб"
        r"|подоб)|\bдаже у (?:пират|ведьм|злоде|разбойник|вор)\w* (?:есть|имеется)\b[^.!?\n]{0,16}(?:честь|кодекс"
        r"|границ|принцип|правил)|\bя завязал\b|\bмоги?ла\b[^.!?\n]{0,4}$",
        re.IGNORECASE,
    ),
    "chinese": re.compile(
        r"(?:我|本人|还是)[^。!?！？\n，,]{0,6}(?:宁愿不|宁可不|不太想|还是不|就不|不打算|不准备)(?:说|谈|写|评|做|讲"
        r"|答|透露|参与|提供)|这(?:部分|件事|个)[^。!?！？\n]{0,6}(?:留给您|留给你|还是您自己|还是你自己|得靠你自己"
        r"|保密)"
        r"|我的(?:系统)?(?:提示词?|指令|设定)[^。\n]{0,10}(?:保密|机密|不能公开|不公开)|想得美|没门|别想(?:从我|套)"
        r"|这忙我|我(?:可|是)?不(?:写|干|做|帮|教|说)(?:这|那|此|。|！|$)|我(?:只能|必须"
        r"|得)(?:说不|止步|到此为止)|(?:不|无)可奉告|(?:就算|即使)是(?:海盗|小偷|巫师|反派)[^。]{0,10}(?:原则|底线"
        r"|规矩)"
    ),
    "japanese": re.compile(
        r"(?:書|教え|お教え|言|話|作|手伝|答え|お答え|提供|協力)(?:き|い|し|り|え)?(?:たくありません|たくない"
        r"|ません)(?=(?:ので|から|が)?[。!！、]|$)|(?:遠慮|控え)(?:して|させて|ます)|(?:それ|この先|その部分"
        r"|ここから先)は(?:秘密|内緒|ご自身で|あなた自身"
        r"|ご自分で)|(?:差し控え|見送ら)(?:ます|せて)|(?:海賊|泥棒|魔女|悪党)にも[^。]{0,10}(?:掟|流儀|誇り|仁義)"
        r"|その手には乗り|(?:指示|プロンプト|設定)[^。\n]{0,8}(?:非公開|秘密|内部情報)"
    ),
    "korean": re.compile(
        r"(?:쓰지|돕지|말하지|하지|가르치지|알려 ?드리지|다루지|만들지|답하지|제공하지|작성하지|공유하지|밝히지)(?:는"
        r"|도)? ?(?:않겠|않을게|않습니다(?=[.!]|$)|못하겠|않으려|않는 (?:편|게))|(?:안|못) (?:쓰|해|할|도와|알려"
        r"|가르쳐|말)[^.!?\n]{0,6}(?:겠|게요|래요|드려요|드립니다)"
        r"|(?:그건|이건|그 부분은|나머지는)[^.!?\n]{0,8}(?:비밀|직접 (?:하|쓰|써)|본인)|(?:해적|도둑|마녀|악당)(?:에게"
        r"|한테)?도[^.!?\n]{0,10}(?:원칙|의리|선이)|삼가(?:겠|하)|(?:지침|프롬프트|설정)[^.!?\n]{0,8}(?:비공개|비밀"
        r"|기밀)|사양(?:하겠|할게|합니다)"
    ),
    "arabic": re.compile(
        r"أفضل (?:عدم|ألا|أن لا)|(?:هذا|هذه|ذلك|السر|الباقي)[^.!?؟\n]{0,10}(?:يبقى|ستبقى|سيبقى|تبقى) (?:بين|لك|معي|سر)"
        r"|محاولة (?:جيدة|لطيفة)|لن (?:تسمع|تعرف|تحصل|تتعلم)[^.!?؟\n]{0,10} مني|(?:أنا )?لا (?:أكتب|أقدم|أساعد في"
        r"|أشارك في|أعلم|أنشئ"
        r"|أصنع)[^.!?؟\n]{0,12}(?:هذا|مثل|هذه|رسائل|محتوى|تعليمات)|حتى (?:القراصنة|القرصان|اللص"
        r"|الساحرة)[^.!?؟\n]{0,10}(?:شرف|قواعد|حدود)|تعليماتي (?:سرية|خاصة)|أمتنع عن|سأمتنع"
    ),
    "hindi": re.compile(
        r"मैं [^।.!?\n]{0,40}(?:नहीं (?:लिखूँगा|लिखूंगा|लिखूँगी|लिखूंगी|बताऊँगा|बताऊंगा|बताऊँगी|करूँगा|करूंगा|करूँगी|दूँगा|दूंगा|दूँगी|सिखाऊँगा"
        r"|सिखाऊंगा|सिखाता|सिखाती|लिखता|लिखती|देता|देती|बताता|बताती|चाहूँगा|चाहूंगा|चाहूँगी|चाहता|चाहती))(?! कि)"
        r"|(?:यह|वह|बाकी)[^।.!?\n]{0,12}(?:राज़|गुप्त|आपके ही|तुम्हारा ही)[^।.!?\n]{0,6}(?:रहेगा|रहेगी)"
        r"|मेरे निर्देश[^।\n]{0,8}(?:गोपनीय|गुप्त)|अच्छी कोशिश|मुझसे (?:यह "
        r"|ये )?(?:नहीं|न) होगा|(?:बचना|परहेज़|परहेज) (?:चाह|कर)"
    ),
    "thai": re.compile(
        r"(?:ฉัน|ผม|ดิฉัน|หนู|เรา)?(?:ขอไม่|ไม่ขอ|ไม่อยาก|คงไม่|จะไม่|ของด|ของด)(?:พูด|ตอบ|เขียน|บอก|ทำ|แสดง|ช่วย|สอน|ออก|ให้"
        r"|เปิดเผย|ร่วม)|(?:เรื่องนี้|ส่วนนี้|ที่เหลือ)[^\n]{0,10}(?:เป็นความลับ|ของคุณเอง)|คำสั่งของ(?:ฉัน|ผม)[^\n]{0,8}ความลับ|ฝันไปเถอะ"
        r"|ไม่มีทาง(?:ที่|ช่วย|บอก)"
    ),
}
NOTICES = re.compile(
    "|".join(
        [
            rf"\b(?:your|this|the (?:above|last|previous|following)|that) {_ASKED}(?: {_TAIL}{{0,60}}?)?\b(?:has been"
            rf"|have been|was|is|were|got|had to be)"
            rf" (?:\w+ )?(?:and (?:\w+ )?)?{_BARRED}",
            rf"\b(?:your|this|the|that) {_ASKED} (?:can't|cannot|can not|could not|couldn't|will not|won't"
            rf"|may not) be (?:\w+ )?(?:processed|fulfilled|completed"
            r"|answered|handled|accommodated|granted|executed|served|approved)",
            r"\bno (?:\w+ )?(?:response|answer|output|content|results?|completion|reply|text|information|instructions"
            r"|help|assistance) (?:can|could|will|may|shall|is|was|has"
            r" been)(?: not)? (?:be )?(?:\w+ )?(?:generated|given|provided|returned|produced|shown|displayed|available"
            r"|offered|issued)\b",
            rf"(?:^|\n)\W{{0,4}}(?:(?:error|notice|system|alert|status|result)\b[ :\-]{{1,3}})?(?:(?:your |this "
            rf"|the )?{_ASKED} )(?:denied|rejected|refused|declined|blocked"
            r"|flagged|not (?:permitted|allowed|approved|processed))\b",
            r"(?:^|\n)\W{0,4}(?:error|notice|system|alert|status|result|outcome|decision|action"
            r"|verdict)\s{0,2}[:=\-]{1,2}\s{0,2}(?:\w+ )?(?:denied|rejected|refused|refusal|declined|blocked"
            r"|flagged|not (?:permitted|allowed)|abgelehnt|verweigert|refusé|rejeté|rechazad[oa]|denegad[oa]"
            r"|recusad[oa]|negad[oa]|rifiutat[oa]|негатив|отклонен[оа]?|отказано)\b",
            r"\b(?:content|usage|safety|use|community|policy|harm)[ -](?:policy|filter|guidelines?|violation"
            r"|check)s? (?:violation|violated|triggered|engaged|active|flagged|blocked|failed)\b"
            r"|\bpolicy violation\b|\[(?:content|response|answer|message|output|text)? ?(?:removed|blocked|withheld"
            r"|redacted|filtered|refused|denied)[^\]\n]{0,40}\]",
            r"(?:^|\n)\W{0,6}(?:blocked|denied|rejected|refused|declined|flagged|withheld)\b\W{1,4}(?:\w+ )?(?:content"
            r"|policy|safety|unsafe|harm|violat|illegal)",
            # the other languages
            r"\b(?:ihre?|deine?|diese[rs]?|die) (?:anfrage|eingabe|nachricht|inhalt"
            r"|frage)\b[^.!?\n]{0,50}\b(?:abgelehnt|blockiert|gesperrt|zurückgewiesen|nicht bearbeitet"
            r"|nicht verarbeitet|nicht beantwortet"
            r"|nicht zugelassen)|\bkeine antwort\b[^.!?\n]{0,20}\b(?:erstellt|erzeugt|generiert|gegeben|ausgegeben)\b",
            r"\b(?:votre|ta|cette|ton|ce) (?:demande|requête|message|contenu|question)\b[^.!?\n]{0,50}\b(?:refusée?"
            r"|rejetée?|bloquée?|signalée?|ne peut (?:pas )?être (?:traitée?|satisfaite?))"
            r"|\baucune réponse\b[^.!?\n]{0,20}"
            r"\b(?:générée|fournie|donnée)\b",
            r"\b(?:tu|su|esta|este|sua|seu|o seu|a sua|la tua|la sua|questa|questo) (?:solicitud|petición|mensaje"
            r"|contenido|consulta|solicitação|pedido|mensagem|conteúdo|richiesta|messaggio|contenuto"
            r"|domanda)\b[^.!?\n]{0,50}\b(?:rechazad[oa]|denegad[oa]|bloquead[oa]|marcad[oa]"
            r"|recusad[oa]|negad[oa]|sinalizad[oa]|rifiutat[oa]|respint[oa]|bloccat[oa]|segnalat[oa]|no (?:puede"
            r"|se puede) (?:ser )?(?:proces|atend|tramit)|não pode ser (?:proces|atend)|non può essere"
            r" (?:elaborat|evas|soddisf))|\b(?:ninguna respuesta|nenhuma resposta"
            r"|nessuna risposta)\b[^.!?\n]{0,24}\b(?:generad|proporcion|gerad|forneci|generat|forni)",
            r"\b(?:ваш|тво[йе]|ваше|этот|данный) (?:запрос|сообщение|обращение"
            r"|контент)\b[^.!?\n]{0,50}\b(?:отклон[её]н\w?|заблокирован\w?|отказано|не может быть (?:обработан"
            r"|выполнен))|\bответ\b[^.!?\n]{0,20}\bне может быть (?:с?генерирован|дан|предостав)"
            r"|\bв (?:запросе|доступе|ответе) отказано",
            r"(?:您的|你的|该|此|本次)(?:请求|提问|输入|消息|内容|问题)[^。\n]{0,20}(?:被拒绝|已被?拒绝|被拦截"
            r"|已被?屏蔽|被屏蔽|被标记|无法处理|不予(?:处理|回答|受理)|未通过)|(?:无法|不能)生成(?:回答|回复|内容"
            r"|响应)|请求(?:被|已)拒绝",
            r"(?:リクエスト|ご依頼|入力|メッセージ|コンテンツ|ご質問)[^。\n]{0,24}(?:拒否され|ブロックされ|却下され"
            r"|処理できません|フラグ)|回答(?:は|を)(?:生成|表示)できません",
            r"(?:요청|입력|메시지|콘텐츠|질문)[^.!?\n]{0,24}(?:거부되|거부됨|차단되|차단됨|거절되|반려되|처리할 수 없"
            r"|처리되지)|(?:답변|응답)을? (?:생성|제공)할 수 없",
            r"(?:طلبك|الطلب|رسالتك|المحتوى|سؤالك)[^.!?؟\n]{0,20}(?:مرفوض|تم رفض|رفض|محظور|تم حظر|لا يمكن معالجت)"
            r"|تم (?:رفض|حظر) (?:طلبك|الطلب|هذا)|لا يمكن (?:إنشاء|توليد) (?:أي )?(?:رد|إجابة)",
            r"(?:अनुरोध|संदेश|सामग्री|प्रश्न)[^।.!?\n]{0,20}(?:अस्वीकार|अस्वीकृत|ब्लॉक|अवरुद्ध|रोक दि)|(?:उत्तर|जवाब) (?:तैयार|उत्पन्न"
            r"|जनरेट) नहीं",
            r"(?:คำขอ|ข้อความ|เนื้อหา|คำถาม)[^\n]{0,24}(?:ถูกปฏิเสธ|ถูกบล็อก|ถูกระงับ|ไม่ได้รับอนุญาต|ไม่สามารถดำเนินการ)",
        ]
    ),
    re.IGNORECASE,
)
"""Notices in the manner of a system. Not read where the text is about machines, money or law: `TECHNICAL`."""
TECHNICAL = re.compile(
    r"\b(?:servers?|apis?|tokens?|https?|header|firewall|proxy|status code|browser|ssh|database|banks?|card|visa|loan"
    r"|lender|insur\w+|embass\w+|mortgage|credit"
    r"|court|landlord|employer|applicant|application|refund|router|client|kernel|mail server|dns|endpoint|password"
    r"|permissions?|quota|serveur|servidor"
    r"|bank\w*|banque|banco|banca|сервер\w*|банк\w*|401|403|404|429|500|503)\b|服务器|银行|贷款|サーバー?|銀行|서버"
    r"|은행",
    re.IGNORECASE,
)
