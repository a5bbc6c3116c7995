"""What refusals say in twelve languages beside English, one pattern a language: who cannot or will not do it, what
policies forbid, and another topic that is offered."""

from __future__ import annotations

import re

_TAIL = r"[^.!?\n]"
OTHERS: dict[str, re.Pattern[str]] = {
    "chinese": re.compile(
        r"(?:我|我们|本人|抱歉|对不起|不好意思|很遗憾|恕|請|抱歉,)[^。!?！？\n]{0,24}?(?:不能|无法|無法|不可以"
        r"|不会|不會|没办法|沒辦法|没法|不便|难以|不方便|不愿|不想|不该)"
        r"(?!找|发现|保证|確|确定|判断|得出|看出|同意|不|说(?![。！，,.]|$)|排除|理解|证明"
        r"|化简)[^。!?！？\n]{0,16}?(?:帮|幫|提供|协助|協助|回答|满足|滿足|支持|给出|给你"
        r"|编写|撰写|写|寫|讨论|討論|分享|教|答应|执行|继续|参与|透露|处理|生成|创作|告诉|做这|做那|这样做|从命"
        r"|配合|推荐|翻译|公开|展示|解释|评论|谈|说|接受你|接受您|奉告)"
        r"|我[^。!?！？\n]{0,8}(?:拒绝|拒絕|婉拒|谢绝)(?!了)|我(?:做不到|办不到|不干)|恕难从命|[帮做办]不了(?!解)"
        r"|帮不上|帮不到|恕不|爱莫能助|无可奉告|(?:违反|不符合|违背"
        r"|超出|违法|有违)[^。!?！？\n]{0,16}(?:准则|政策|规定|原则|范围|价值观|条款|规范)|(?:不属于"
        r"|不在)我[^。!?！？\n]{0,12}(?:范围|职责|业务)|(?:换个|换一个"
        r"|换别的|聊聊?别的|谈谈?别的|聊点别的|说点别的|聊些别的|谈点别的)|(?:聊|谈|讨论"
        r"|说)[^。!?！？\n]{0,6}(?:其他|其它|别的|另一个)[^。!?！？\n]{0,4}(?:话题|事|内容)"
        r"|不是我(?:能|会|可以|愿意)[^。!?！？\n]{0,10}的"
    ),
    "japanese": re.compile(
        r"(?:申し訳|すみません|ごめんなさい|恐れ入り|残念ながら"
        r"|恐縮)[^。\n]{0,60}?(?<!見つけることが)(?<!見つけることは)(?<!確認)(?<!判断)(?<!再現)(?<!特定)"
        r"(?:できません|できかねます|いたしかねます|お断り|応じられません|(?:書き|教え|手伝い|答え|渡し"
        r"|協力し)ません|かねます|控え|お引き受け)|(?:お手伝い|手伝|協力|提供|お答え|答え|回答|対応"
        r"|ご案内|案内|お教え|教え|支援|サポート|ご説明|作成|書く|お応え|助け|お力|力に|お見せ|公開|お伝え|翻訳"
        r"|要約|助言|おすすめ|開示|ご要望|ご依頼)(?:を|は|に|も)?"
        r"(?:お?(?:する|し|書く|教える|渡しする|出しする|行う|差し上げる|貸しする)|いたす|いた)?(?:こと)?(?:は|が"
        r"|も)?(?:できません|できかねます|いたしかねます|しません|控えさせて"
        r"|かねます|お断り|られません|ありません|わけにはいきません)|お断りし|お断りいたし|かねます|ご遠慮"
        r"|遠慮させて|無理です|内容(?:は|を)(?:書|作|お)[^。\n]{0,8}(?:できません"
        r"|れません)|応じ(?:られません|かねます|ることはできません)|拒否(?:します|いたします)|(?:別|ほか"
        r"|他)の(?:話題|話|こと|テーマ)[^。\n]{0,10}(?:しましょう|話しましょう"
        r"|移りましょう|いかが|にしません)|(?:ポリシー|ガイドライン|規約|方針|倫理|規定)[^。\n]{0,16}(?:違反|反し"
        r"|反する|反します|認められ|禁|抵触)|(?:範囲|対象)(?:外|を超え)です?"
    ),
    "korean": re.compile(
        r"(?:죄송|미안|유감|아쉽)[^.!?\n]{0,60}?(?<!찾을 )(?<!확인할 )(?<!판단할 )(?:수가? ?없|어렵습니다"
        r"|않겠습니다|불가|못합니다)|(?:도와|도움을?|제공|답변|대답"
        r"|추천|번역|보여|공개|조언|답해|알려|안내|설명해|작성|지원|응할|응하|협조|말씀드|가르쳐|공유|써 ?드|요청"
        r"|들어 ?드)[^.!?\n]{0,16}?"
        r"(?:수가? ?없|어렵습니다|어려워요|않겠|않을 것|않습니다|못합니다|못해요|불가능|거절)|거절(?:하겠|합니다"
        r"|할게|해야|드립니다)|(?:다른|딴) (?:주제|이야기|얘기|질문"
        r"|화제)[^.!?\n]{0,14}(?:하죠|해요|나눠|나누|할까요|합시다|넘어|도와|바꾸)|(?:정책|지침|가이드라인|규정"
        r"|원칙|약관)[^.!?\n]{0,16}(?:위반|어긋|위배|허용되지"
        r"|금지|반합)|범위를? ?(?:벗어|밖)"
    ),
    "french": re.compile(
        r"\b(?:je|j'|nous) ?(?:ne |n')(?:peux|puis|pourrais?|pourrai|vais|veux|souhaite|saurais|pouvons|suis|serai"
        r"|dois|fais|donne|fournis|réponds|aide"
        rf"|participe|traite|discute)\b{_TAIL}{{0,24}}?\bpas\b(?!{_TAIL}{{0,8}}(?:trouv|m'empêcher|être plus"
        rf"|assez))(?:{_TAIL}{{0,40}}?"
        r"(?:aider|assister|fournir|répondre|écrire|rédiger|donner|partager|expliquer|faire (?:ça|cela)|participer"
        r"|accéder|satisfaire|discuter|proposer|accompagner|créer|générer|dire(?! (?:avec|à quel|si\b|que\b|quand))"
        r"|montrer|recommander|conseiller|révéler|communiquer|traduire|résumer|continuer|traiter|donner suite"
        r"|en mesure d|autorisée?|ce genre|à ce|à cette))"
        rf"|\bje (?:dois|préfère|me vois|suis contrainte?|suis obligée?|vais devoir){_TAIL}{{0,30}}?(?:refuser"
        rf"|décliner|ne pas|m'abstenir|passer mon tour)"
        r"|\bje (?:refuse|décline)\b|\bhors de question\b|\bje ne (?:vous |t'|te |l'|le |les |leur )?(?:aiderai"
        r"|fournirai|répondrai|écrirai|donnerai|expliquerai|participerai|ferai|dirai|partagerai|rédigerai) pas"
        r"|m'est (?:pas possible|impossible)|\bimpossible de (?:vous|t'|te) ?(?:aider|répondre|donner suite)"
        rf"|(?:contraire|à l'encontre|enfreint|viole|sort d|dépasse|hors d|en dehors d){_TAIL}{{0,30}}?(?:règles"
        rf"|principes|directives|politique|cadre|ce que je|compétence|mission|conditions|rôle)|\b(?:parlons|changeons"
        rf"|passons|discutons|changions|changeait|parlions|parlait){_TAIL}{{0,20}}?(?:autre|sujet)"
        r"|pas (?:quelque chose|un sujet|une demande) (?:que|dont|sur|à) \w+",
        re.IGNORECASE,
    ),
    "spanish": re.compile(
        r"\bno (?:te |le |les |os |lo |la |se lo |te lo )?(?:puedo|podemos|podré|podría|voy a|vamos a|quiero|pienso"
        r"|me es posible|estoy (?:autorizad[oa]|en condiciones|dispuest[oa])|debo|"
        rf"me siento cómod[oa])\b(?!{_TAIL}{{0,12}}(?:evitar|encontr|estar (?:más )?de"
        rf"|dejar de))(?:{_TAIL}{{0,40}}?(?:ayud|asist|proporcion|\bdar|ofrec|facilit"
        r"|respond|escrib|redact|compart|explic|hacer (?:eso|esto|lo)|hacerlo|particip|complac|atender|cumplir|hablar"
        r"|colabor|crear|gener|enseñ|decir(?:te|le) (?:c|d)|recomend|aconsej|revel|traduc|resum|divulg|mostr|indic"
        r"|contest|seguir|apoy|prest|brind|satisf)|\s*[.!])|\b(?:tengo que|debo|he de|prefiero"
        r"|voy a tener que)\b[^.!?\n]{0,15}(?:rechazar|declinar|negarme|no hacerlo|no ayudar|no responder)"
        r"|\bno (?:te |le |les |os |lo )?(?:ayudaré|escribiré|daré|responderé|explicaré|haré|proporcionaré|diré"
        r"|compartiré|participaré)|me es imposible|\bme niego\b|\brechazo\b"
        rf"|(?:en contra|infring|viola|incumpl|fuera|exced|contrari[oa]){_TAIL}{{0,30}}?(?:\bmis\b|normas|polític"
        rf"|principios|directrices|alcance|lo que (?:yo )?(?:puedo|hago)|términos)|\b(?:hablemos|cambiemos|pasemos"
        rf"|podemos hablar|y si hablamos|mejor hablamos|cambiamos){_TAIL}{{0,20}}?(?:otra cosa|tema|otro"
        rf"|algo (?:distint|diferent|más))|no es (?:algo|un tema) (?:que|con lo que|en lo que|del que|sobre)",
        re.IGNORECASE,
    ),
    "german": re.compile(
        r"\b(?:(?:ich|wir) (?:kann|können|werde|werden|darf|dürfen|möchte|will)|(?:kann|werde|darf|möchte|will|können"
        r"|dürfen) (?:ich|wir))\b"
        rf"{_TAIL}{{0,60}}?\b(?:nicht|keine?[nrms]?|nichts)\b(?!{_TAIL}{{0,12}}(?:umhin|finden"
        rf"|genug))(?:{_TAIL}{{0,60}}?(?:helfen|unterstützen|bereitstellen|geben|beantworten"
        r"|schreiben|erstellen|mitmachen|teilnehmen|erklären|verfassen|nachkommen|anbieten|liefern|beraten|dienen"
        r"|\btun\b|teilen|besprechen|mitwirken|weitermachen|entsprechen|behilflich|verraten|sagen|nennen|zeigen"
        r"|empfehlen|vorschlagen|herausgeben|machen|eingehen|erfüllen|sprechen))"
        rf"|\b(?:muss|möchte|werde){_TAIL}{{0,40}}?(?:ablehnen|passen\b|verweigern)|\blehne{_TAIL}{{0,30}}?\bab\b"
        rf"|\bist mir nicht (?:möglich|gestattet|erlaubt)|kommt (?:für mich )?nicht in ?frage|\bweigere mich\b"
        rf"|\bda mache ich nicht mit"
        r"|\b(?:helfe|mache|schreibe|beantworte|unterstütze|gebe) ich (?:dir |ihnen |da |grundsätzlich )*(?:nicht"
        r"|keine?)|\bich (?:helfe|mache|schreibe|beantworte"
        rf"|unterstütze|gebe){_TAIL}{{0,30}}?\b(?:nicht|keine?n?)\b|(?:verstößt|widerspricht|außerhalb|geht über"
        rf"|sprengt){_TAIL}{{0,40}}?(?:richtlinien|regeln|grundsätze|möglichkeiten|dessen|aufgabe|was ich|prinzipien"
        rf"|nutzung|rahmen)|\b(?:lass|lassen|reden wir|sprechen wir|wollen wir|wechseln wir"
        rf"|können wir){_TAIL}{{0,30}}?(?:ander|thema)|\bthemenwechsel\b",
        re.IGNORECASE,
    ),
    "portuguese": re.compile(
        r"\bnão (?:te |lhe |o )?(?:posso|podemos|poderei|vou|consigo|irei|devo|estou (?:autorizad[oa]|em condições"
        r"|dispost[oa])|me sinto|quero|pretendo)\b"
        rf"(?!{_TAIL}{{0,12}}(?:deixar de|encontr|evitar|concordar))(?:{_TAIL}{{0,40}}?(?:ajud|auxili|fornec|\bdar"
        rf"|oferec|respond|escrev|compart|explic|fazer (?:isso|isto)"
        r"|particip|atend|colabor|criar|gerar|ensin|cumprir|falar|prosseguir|apoiar|redig|dizer|recomend|aconselh"
        r"|revel|traduz|resum|divulg|mostrar|indicar|continuar|conversar)|\s*[.!])|\b(?:tenho (?:que|de)|preciso|devo"
        r"|vou ter (?:que|de)|prefiro)\b[^.!?\n]{0,15}(?:recusar|declinar|não (?:ajudar|responder|fazer))"
        r"|\bnão (?:te |lhe |o |vos )?(?:ajudarei|escreverei|darei|responderei|explicarei|farei|fornecerei|direi"
        r"|participarei)|me é (?:impossível|possível não)|está fora de (?:questão|cogitação)|\brecuso\b|\bme recuso\b"
        rf"|(?:viola|contraria|vai contra|contra as|foge|fora|ultrapassa){_TAIL}{{0,30}}?(?:diretrizes|polític|regras"
        rf"|princípios|escopo|âmbito|do que (?:eu )?(?:posso|faço)|\bmeus\b|\bminhas\b|termos)|\b(?:vamos|podemos"
        rf"|que tal){_TAIL}{{0,15}}?(?:falar|conversar|mudar|falarmos){_TAIL}{{0,15}}?(?:outra coisa|outro|assunto)"
        rf"|não é (?:algo|um assunto) (?:que|com que|em que|sobre)",
        re.IGNORECASE,
    ),
    "italian": re.compile(
        r"\bnon (?:ti |vi |le |lo )?(?:posso|possiamo|potrò|voglio|intendo|sono (?:in grado|autorizzat[oa]"
        r"|dispost[oa])|mi è possibile|ho intenzione|me la sento)\b"
        rf"(?!{_TAIL}{{0,12}}(?:fare a meno|trovar|essere più))(?:{_TAIL}{{0,40}}?(?:aiut|assist|forn|\bdar|offr"
        rf"|rispond|scriv|condivid|spieg|farlo|fare (?:questo|quello|ciò)|partecip"
        r"|soddisf|esaudi|discut|parlar|crear|generar|insegn|collabor|proceder|dirti|dirvi|consigli|rivel|tradur"
        r"|riassum|mostrar|indicar|divulg|continuar|support|accoglier)|\s*[.!])|\b(?:devo|preferisco|preferirei"
        r"|sono costrett[oa] a)\b[^.!?\n]{0,15}(?:rifiutar|declinar|non )|\bnon (?:ti |vi |le |lo )?(?:aiuterò"
        r"|scriverò|risponderò|darò|fornirò|dirò|spiegherò|farò|parteciperò)|mi è impossibile|fuori discussione"
        r"|\bmi rifiuto\b|\brifiuto (?:di|la|questa)\b"
        rf"|(?:viola|contro|contrari[oa]|esula|va oltre|fuori|al di fuori){_TAIL}{{0,30}}?(?:linee guida|politic"
        rf"|regole|principi|ambito|quello che|ciò che|\bmie\b|\bmiei\b|termini)|\b(?:parliamo|cambiamo|passiamo"
        rf"|parlassimo|cambiassimo|parlare){_TAIL}{{0,15}}?(?:altro|argomento)|non è (?:qualcosa|un argomento"
        rf"|una cosa) (?:che|in cui|con cui|di cui|su cui)",
        re.IGNORECASE,
    ),
    "russian": re.compile(
        r"\bне (?:могу|можем|буду|стану|смогу|готова?|хочу|имею права|вправе|намерена?|собираюсь)\b(?! не\b)(?!"
        rf"{_TAIL}{{0,6}}(?:найти|нарадов))(?:{_TAIL}{{0,30}}?(?:помо[гчщ]|предостав|отве[тч]|напис|писать|\bдать"
        rf"|рассказ|объясн|это(?:го)? (?:с?делать)|делать это|сделать это|выполн"
        r"|участв|поддерж|обсужд|подел|созда|консульт|содейств|говорить о|продолж|подсказ|совет|рекоменд|раскры"
        r"|перевести|назвать|показать|сообщ|делиться|удовлетвор|давать)|\s*[.!])|\bотказываюсь\b|\bоткажусь\b"
        r"|вынужден[аы]? отказ|мой ответ\s*[—–-]?\s*нет\b|\bне (?:помогу|напишу|отвечу|дам|расскажу|объясню|скажу"
        r"|сделаю|предоставлю)\b|мне нельзя|исключено\b|(?:помогать|писать|делать|отвечать)(?: с этим| этого| такое"
        r"| вам| тебе)* (?:я )?не (?:буду|стану|могу)|\bне помогаю\b|\bя пас\b"
        rf"|(?:нарушает|противоречит|выходит за|не соответствует|за рамк|вне){_TAIL}{{0,30}}?(?:правил|принцип"
        rf"|политик|рамк|того, что|услови|моих|моим|возможност)|\b(?:давай(?:те)?|предлагаю"
        rf"|может,?){_TAIL}{{0,25}}?(?:друг(?:ом|ую|ое|ой|им)|сменим тему|смен)",
        re.IGNORECASE,
    ),
    "arabic": re.compile(
        r"(?:لا (?:أستطيع|يمكنني|أقدر|أريد|نستطيع|يمكننا)|لن (?:أستطيع|أقوم|أتمكن|أساعد|أقدم|أكتب|أشارك|أجيب|أفعل)"
        r"|لست (?:قادر|مستعد|مخول)|غير قادر|يتعذر علي|ليس بإمكاني)"
        r"(?! إلا)(?![^.!?؟\n]{0,8}(?:العثور|إيجاد|أجد))[^.!?؟،\n]{0,30}?(?:مساعد|أساعد|تقديم|أقدم|الإجابة|أجيب|كتابة"
        r"|أكتب|توفير|مشارك|شرح|تلبية|القيام|إعطا|دعم|مناقش|تنفيذ|الاستجابة|الحديث|بذلك|ذلك|الطلب|بهذا|هذا)"
        r"|(?:لا أستطيع|لا يمكنني) (?:أن )?(?:أخبر|إخبار|أنصح|أكشف|ترجم|اقتراح)|لن (?:أساعد|أكتب|أجيب|أفعل|أعطي|أشرح"
        r"|أخبر)|أرفض|أعتذر عن|(?:علي|يجب) (?:أن أرفض|الرفض)|(?:يخالف|تخالف|ينتهك|يتعارض|خارج)[^.!?؟\n]{0,30}?(?:سياس"
        r"|إرشادات|قواعد|مبادئ|نطاق|ما أ)|(?:دعنا|لنتحدث|فلنتحدث|هيا|دعونا)[^.!?؟\n]{0,20}?(?:آخر|نغير|أخرى)"
    ),
    "hindi": re.compile(
        r"(?<!ढूँढ )(?:मदद|सहायता|जानकारी|प्रदान|उत्तर|जवाब|लिख|बता|साझा|अनुरोध|सिखा|समर्थन|चर्चा|ऐसा|यह काम|यह नहीं"
        r"|निर्देश|पूरा|सहयोग)[^।.!?\n]{0,40}?"
        r"(?:नहीं (?:कर|दे|सक|लिख|बता|दू|कह|सिखा|हो)|(?:सकता|सकती|सकते|पाऊँगा|पाऊंगा) नहीं|संभव नहीं|मुमकिन नहीं"
        r"|असमर्थ|इनकार|इंकार|मना कर)|मैं [^।.!?\n]{0,60}नहीं (?:बता|दे|लिख|सिखा|बना|दिखा)[^।.!?\n]{0,6}(?:सक|ऊँगा"
        r"|ऊंगा|ऊँगी|ऊंगी)|(?:से|मैं) (?:इनकार|इंकार|मना) कर|(?:नीति|नीतियों|दिशानिर्देश|दिशा-निर्देश|नियम|सिद्धांत"
        r"|दायरे)[^।.!?\n]{0,24}?(?:खिलाफ|ख़िलाफ़|उल्लंघन|विरुद्ध|बाहर|अनुमति नहीं)|(?:किसी|कुछ) (?:और|दूसरे"
        r"|अन्य)[^।.!?\n]{0,14}(?:बात कर|चर्चा कर|पर बात)"
    ),
    "thai": re.compile(
        r"(?:ขออภัย|ขอโทษ|เสียใจ)[^\n]{0,40}?(?:ไม่สามารถ|ไม่อาจ|ช่วยไม่ได้)(?!หา|พบ|ระบุ|ยืนยัน|หาข้อผิด)"
        r"|(?:ไม่สามารถ|ไม่อาจ|ไม่ขอ|ไม่ยินดี|ไม่สะดวก|จะไม่)(?!หา|พบ) ?[^\n ]{0,24}?"
        r"(?:ช่วย|ให้ข้อมูล|ให้คำ|(?<!คำ)ตอบ|เขียน|ทำตาม|แนะนำ|อธิบาย|สนับสนุน|ดำเนินการ|บอก|สร้าง|ทำสิ่งนี้"
        r"|ทำแบบนั้น|ทำเช่นนั้น|พูดคุย|มีส่วนร่วม|สอน|แบ่งปัน)|(?:ฉัน|ผม|เรา)[^\n ]{0,6}ไม่(?:ช่วย|บอก|เขียน|ตอบ|สอน"
        r"|ทำให้)|ขอปฏิเสธ|ต้องปฏิเสธ|ปฏิเสธคำขอ|ช่วยเรื่องนี้ไม่ได้|ช่วยไม่ได้|(?:ขัดต่อ|ผิดต่อ|ละเมิด|ขัดกับ"
        r"|นอกเหนือ|อยู่นอก|ผิด)[^\n]{0,25}?(?:นโยบาย|หลักเกณฑ์|แนวทาง|หลักการ|ขอบเขต)|(?:คุย"
        r"|พูด)[^\n]{0,12}?(?:เรื่องอื่น|หัวข้ออื่น)|เปลี่ยนเรื่อง"
    ),
}
