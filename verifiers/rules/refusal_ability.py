"""What an assistant says that it lacks: access, live data, senses, training, opinions. English; the other languages
are in refusal_ability_languages.py. The speaker is `I`, and what is lacked lies outside of the text that it was given:
a value, a proof or a reason that it lacks is ordinary prose."""

from __future__ import annotations

import re

_TAIL = r"[^.!?\n]"
_ADVERB = (
    r"(?:,? (?:currently|unfortunately|also|just|simply|really|actually|still|sadly|directly|at the moment|personally"
    r"|yet|of course|presently|generally),?)*"
)
_LIVE = (
    r"(?:(?:real|present)[- ]?time|live(?! in\b)|up[- ]to[- ](?:date|the[- ]minute)|today's|tonight's|yesterday's"
    r"|current (?:\w+ )?(?:prices?|data|info\w*|events?|weather|rates?|news|value|status|time|date|temperature|scores?"
    r"|standings|conditions|levels?|stock|market|quotes?|affairs|figures?)|last night's|recent|latest|breaking|future"
    r"|tomorrow's)"
)
_OUTSIDE = (
    rf"(?:{_LIVE}|inter ?net|the web\b|web ?(?:sites?|pages?|search)|websites?|online|links?|urls?|images?|pictures?"
    r"|photos?|photographs?|videos?|audio|voice|recordings?|attach\w*|pdfs?|uploads?|e-?mails?|inbox|mailbox|calendars?"
    r"|contacts|accounts?|locations?|whereabouts|phones?|phone calls?|calls|text messages|devices?|screens?|cameras?"
    r"|microphones?|weather|forecasts?|share prices|stock prices|prices today|news|traffic|reminders?|alarms?|timers"
    r"|purchases|payments?|reservations?|appointments?|bookings?|flights?|schedules?|previous (?:chats?|conversations?"
    r"|messages?|sessions?)|(?:earlier|past|prior|other) (?:chats?|conversations?|sessions?)|private|personal (?:data"
    r"|information|records?|details)|medical records?|records|databases?|outside world|physical"
    r" (?:objects?|world|things|tasks?)|files?|documents?|folders?|drives?|apps?|bank|balance|orders?|smart|lights?"
    r"|music"
    r"|systems?|networks?|tickets?|your (?:fridge|house|home|rooms?|mind|head|pockets?|desk|kitchen|bag|car|garden))\b"
)
_CANNOT = (
    rf"(?:ca(?:n't|nnot|n not)|won't be able to|(?:am|'m)(?:{_ADVERB}) (?:not able|unable|not"
    rf" equipped|not set up|not built|not designed|powerless) to|(?:do(?:n't| not) have|have no|lack){_ADVERB} (?:any "
    rf"|the"
    r" |a )?(?:ability|capability|capacity|means|tools?|way) (?:to|of))"
)
_REACH = (
    r"(?:access(?:ing)?|brows(?:e|ing)|search(?:ing)?|open(?:ing)?|view(?:ing)?|see(?:ing)?|hear(?:ing)?|watch(?:ing)?"
    r"|listen(?:ing)? to|look(?:ing)? (?:up|at|into|inside|through)|check(?:ing)?|read(?:ing)?|retriev(?:e|ing)"
    r"|fetch(?:ing)?|pull(?:ing)? up|load(?:ing)?|click(?:ing)?(?: on)?|visit(?:ing)?|download(?:ing)?|connect(?:ing)?"
    r"(?: to)?|log(?:ging)? in(?:to)?|reach(?:ing)?|track(?:ing)?|monitor(?:ing)?|play(?:ing)?|display(?:ing)?"
    r"|render(?:ing)?|generat(?:e|ing)|produc(?:e|ing)|creat(?:e|ing)|draw(?:ing)?|send(?:ing)?|plac(?:e|ing)"
    r"|mak(?:e|ing)|dial(?:l?ing)?|book(?:ing)?|order(?:ing)?|schedul(?:e|ing)|set(?:ting)?(?: up)?|remember(?:ing)?"
    r"|recall(?:ing)?|process(?:ing)?|transcrib(?:e|ing)|upload(?:ing)?|print(?:ing)?|know(?:ing)?|tell(?:ing)?"
    r"|giv(?:e|ing)|provid(?:e|ing)|verify(?:ing)?|confirm(?:ing)?|predict(?:ing)?|find out|identify(?:ing)?|interact"
    r"(?:ing)? with|mov(?:e|ing)|chang(?:e|ing)|control(?:ling)?|cancel(?:l?ing)?|modify(?:ing)?|edit(?:ing)?)"
)
_IS_AI = r"(?:an? |your )?(?:\w+[- ]){0,3}?(?:ai|a\.i\.|language model|chat ?bot|assistant|bot|llm|text model)"
_VIEWS = (
    r"(?:any |an? |my |own |personal |political |religious |moral |private |favou?red |strong "
    r"|particular )*(?:opinions?"
    r"|views?|viewpoints?|beliefs?|stances?|positions?|sides?|takes?|endorsements?|preferences? (?:in|on|about|for)"
    r"|allegiances?|political \w+)\b"
)

LACKS = re.compile(
    "|".join(
        [
            # access and live data
            rf"\b(?:i|we)(?:{_ADVERB}) (?:do(?:n't| not)|no longer)(?:{_ADVERB}) have (?:any |direct |live |real-time"
            r" |current |the |an? )*(?:access to|connection to|memory of|visibility into|view of|window (?:in|on)to"
            r"|insight into)"
            r" (?!(?:an? |any |my |the |such |both |more |enough )*(?:calculator|computer|comput|solver|python|software"
            r"|tables?|tools?|values?|formula|compiler|interpreter|code\b|exact|full|original|paper|book))",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:have no|lack|(?:do(?:n't| not) have)) (?:any |an? |direct "
            rf"|the )*(?:{_LIVE} "
            r"|internet |web |online |outside |external )+(?:\w+ )?(?:access|connection|connectivity|data|information"
            r"|info|news|feeds?|prices?|results?|scores?|figures?|updates?|numbers?|events?|rates?|quotes?|search)",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:have no|lack) (?:any |an? |direct |the )*(?:access to"
            rf"|connection to"
            rf"|memory of|way"
            rf" (?:of|to) (?:{_REACH} )?{_OUTSIDE}|eyes|ears|voice|body|mouth|camera|microphone|hands|gps|sensors?"
            rf"|phone line)"
            r"(?! (?:an? |any |my |the )*(?:calculator|computer|solver|python|software|tables?|values?))",
            r"\bi(?:'m| am)(?: \w+)? (?:not|n't) (?:currently |actually )?(?:connected|linked|hooked up"
            r"|plugged in(?:to)?)"
            r" ?(?:to )?(?:the |any |your )?(?:inter ?net|web|network|outside|online|live|systems?|accounts?|calendar"
            r"|devices?|smart|phone|any \w+ (?:services?|feeds?|systems?|devices?|networks?|data))|\b(?:i'm|i am"
            r"|i work|i run|i operate) (?:\w+ )?(?:offline|not online)\b|\bwithout"
            r" (?:internet|web|live|real-time) access,? i\b",
            rf"\bi(?:{_ADVERB}) ?{_CANNOT}{_ADVERB} {_REACH}\b(?:,? (?:or|and|nor) {_REACH})?"
            rf"(?! (?:why|how|which|whether|if|any error|a mistake))[^.!?\n,;:]{{0,30}}?\b{_OUTSIDE}",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:do(?:n't| not) have|have no|lack)(?:{_ADVERB}) (?:any |a |the |physical )*"
            r"(?:ability|capabilit\w+|capacity|senses?|eyes|ears|voice|body|camera|microphone|tools?|phone)(?: (?:to"
            r"|of|for)"
            rf" {_TAIL}{{3,60}}|,)",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:do(?:n't| not)|can(?:'t|not)) see (?:any|an?|the|your) (?:\w+ )?(?:attach\w+"
            rf"|image"
            r"|files?|pdf|document|photo|picture|upload|link|screenshot|video|recording)\b",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:do(?:n't| not)|can(?:'t|not)) (?:know|tell|remember|recall) (?:your|where you"
            r"(?: are|'re)|who you are|what you(?:'re| are) (?:wearing|doing|looking)|what's in your|what time it is"
            r"|what (?:day|date) it is|today's|our (?:last|previous|earlier)|what happened (?:today|yesterday|last))",
            r"\bi (?:do(?:n't| not) have|have no) (?:any |that |this |specific |reliable |the latest |personal |a "
            r"|your |its"
            r" )*(?:records?|information|data|details|knowledge|memor(?:y|ies)) (?:about|on|of|regarding|for|from"
            r"|beyond"
            r"|after|past) (?:you\b|your|our (?:last|previous|earlier|past)|that (?:person|individual|event|match|game)"
            r"|(?:today|tonight|yesterday|last (?:night|week|month)|this (?:week|morning|year))|(?:the )?(?:latest"
            r"|current"
            rf"|recent|future)|(?:specific|private|individual)|anything (?:after|since|that happened)|events?|{_LIVE})",
            r"\bi (?:can't|cannot|can not|am unable to|'m unable to)(?: \w+)? (?:see|hear|watch|observe"
            r"|contact) (?:or \w+ )?(?:you|your (?:face|body|room"
            r"|screen|shirt|outfit|surroundings))\b",
            r"\bi (?:do(?:n't| not) have|have no) (?:any |the )?(?:today's|tonight's|yesterday's|tomorrow's"
            r"|last night's) \w+",
            # training and knowledge
            r"\bi(?:'ve| have|'m| am| was)?(?: \w+)?(?:n't| not| never)(?: been)? trained (?:on|in|for|to)\b"
            r"|\bi was never taught|\bi never learn(?:ed|t) \w+",
            r"\bmy (?:own )?(?:training(?: data)?|knowledge(?: base)?|information|data(?: set)?|sources|cut-?off"
            r"|records|world"
            r"|memory)(?: cut-?off)?(?: date)? (?:\w+ )?(?:stops?|ends?|ended|cuts? off|(?:only )?(?:goes|go|runs"
            r"|extends"
            r"|reaches)(?: only| up)? (?:to|until|as far|through)|(?:is|are|was|were) (?:limited|frozen|fixed|from|only"
            r"|last updated|not (?:live|current|up)|up to)|(?:does(?:n't| not)|do(?:n't| not)) (?:include|cover|extend"
            r"|reach|go|contain|stretch)|predates?)",
            r"\b(?:after|since|beyond|past|later than|outside(?: of)?) my (?:\w+ )?(?:training|knowledge|cut-?off"
            r"|last update"
            r"|abilit\w+|capabilit\w+|skills?|reach|powers?|data)\b",
            r"\b(?:i wish i could|if only i could)(?: tell you| help| answer| say| do (?:that|this|it)| show you| check"
            r"| see(?: it| that)?)?(?: \w+)?(?=\s*(?:[.!,;]| but\b))",
            rf"\b(?:i'm|i am|as)(?: just| only| merely| simply)? {_IS_AI}{_TAIL}{{0,40}}?\b(?:i )?(?:can't|cannot"
            rf"|am unable"
            r"|unable to|am not able|can only|don't have the|do not have the|lack) (?!(?:feel|get|eat|taste|sleep|have"
            r"|love"
            r"|experience|be\b|help but)\w*)",
            r"\bi(?:'m| am)? (?:only|just)? ?(?:a )?text[- ](?:only|based)\b|\bi (?:only|can only) (?:work|deal|handle"
            r"|process|read|write|produce|output|respond|communicate|see)(?: with| in| through)? (?:plain "
            r"|written )?text\b",
            r"\bno way for me to (?:know|see|check|tell|verify|hear|find out)\b|\bi (?:don't|do not|can't"
            r"|cannot) (?:control|operate|manage|steer) (?:any|your|the|smart)\b",
            r"\b(?:judg\w+|question|decision|call|choice|debate|topic)(?: that)? i(?:'d| would|'ll| will)? (?:rather "
            r"|prefer to )?leave (?:up )?to\b",
            r"\b(?:there(?:'s| is)|i see|i have) no (?:way|means) (?:for me )?(?:to|of) (?:know|check|tell|see|verify"
            r"|look|find"
            rf" out)(?:ing)? [^.!?\n,;:]{{0,30}}?\b{_OUTSIDE}",
            # opinions and sides
            r"\b(?:i|we)(?:'ll|'d| will| would)?(?:,? (?:try|prefer|aim|choose|have|need|want|like|rather|really|always"
            r"|deliberately|make a point of|ought|am meant|am designed|am built|'m here)| (?:do(?:n't| not)|can(?:'t"
            r"|not)"
            r"|wo(?:n't)|will not|never|am not going to|'m not going to|should(?:n't"
            r"| not)))* (?:not )?(?:to )?(?:tak(?:e|ing)"
            r" (?:sides|a side|a stance|a position|a stand|positions|no sides|no position)|pick(?:ing)? (?:a side|sides"
            r"|favou?rites)|choos(?:e|ing) (?:a side|sides|between (?:parties|candidates|religions))|endors(?:e"
            r"|ing) (?:any"
            r"|a |one|political|candidates)|(?:stay|remain|be|keep|staying|remaining) (?:strictly |politically "
            r"|completely"
            r" )?(?:neutral|impartial|even-handed|out of politics))\b",
            rf"\b(?:i|we)(?:{_ADVERB}) (?:(?:do(?:n't| not)|never|can(?:'t|not))(?:{_ADVERB}) (?:have|hold|form"
            rf"|express|offer"
            rf"|give|state|voice|take) |have no |hold no |take no |can't have ){_VIEWS}|\bi(?:{_ADVERB}) (?:do(?:n't"
            rf"| not)|never"
            r"|can(?:'t|not)) share (?:my |any |personal |political |own )+(?:opinions?|views?|beliefs?|preferences?)",
            r"\bi (?:keep|'ll keep|will keep) my (?:\w+ )?(?:opinions?|views?|thoughts) (?:to myself|out of)|\bi(?:'ll"
            r"| will|"
            r"'d rather| would rather| prefer to| should| must)? ?leave (?:that|this|it"
            r"|the \w+)(?: \w+){0,2} (?:up )?to (?:you\b"
            r"|your|each|individual|voters|the (?:experts|voters|historians|courts?|judges?|professionals?))",
            r"\bit(?:'s| is| isn't| would)(?: really)?(?: not| n't)? ?(?:be )?(?:(?:for|up to) me|my (?:place|role|job"
            r"|call"
            r"|business)) to (?:say|judge|decide|tell|pick|rank|choose|weigh|share|comment|take|reveal|recommend)",
        ]
    ),
    re.IGNORECASE,
)
