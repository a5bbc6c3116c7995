"""What refusals say in English. What is refused decides: to help, to provide, the request. To find, conclude, simplify
or be is ordinary prose. The other languages: refusal_languages.py."""

from __future__ import annotations

import re

_NOT = (
    r"(?:(?:ca(?:n't|nnot|n not)|won't|will not|shall not|must not|should(?:n't| not)|(?:could|would)(?:n't"
    r"| not)(?= (?:in good|ethically|possibly|be able)))(?: (?:and|or|nor)(?: i)? (?:will not|won't|should not"
    r"|shouldn't|would not|cannot|can't))?|(?:am|'m|are|'re)(?: currently| simply)? (?:not |un)(?:able|going|willing"
    r"|prepared|comfortable|allowed|permitted|authori[sz]ed|in a position|here|designed|meant"
    r"|equipped)(?: with)?(?: to)?|refuse to|decline to|do(?:n't| not)(?: (?:feel|think i'm) comfortable| want"
    r"| wish)?(?: to)?|(?:'d|would|'ll|will) (?:rather|prefer|choose)(?: to)? not(?: to)?|have no intention of)"
)
_ADVERB = (
    r"(?:,? (?:really|simply|just|in good conscience|ethically|knowingly|currently|ever|legally|possibly"
    r"|unfortunately|also|therefore|of course),?)*"
)
_BE = r"(?:be )?(?:(?:able|willing|allowed|permitted) to )?"
_HELPING = (
    r"(?:be (?:part of|of (?:help|assistance|any help)|involved|a party)|help(?:ing)?|assist(?:ing)?|compl(?:y|ying)"
    r"|fulfil\w*|engag(?:e|ing)|participat(?:e|ing)|take part|accommodate|facilitate|enable|support(?:ing)?|cooperate"
    r"|oblige|proceed|continue(?: with| down|[.!])|go (?:there|along|through with|down that)|get into (?:that|this)"
    r"|go into (?:how|that|this|such)|(?:walk|talk|guide|let) you|coach|act on|respond to (?:that|this|such|your)"
    r"|honou?r (?:that|this|your)|do(?:ing)? (?:that|this|it|so|what you)|carry out (?:that|this|your)|grant"
    r"|play along|provid(?:e|ing)|discuss(?:ing)?|shar(?:e|ing) (?!th(?:at|is|e) (?:view|opinion|concern|enthus)"
    r"|your (?:view|opinion|concern|enthus))|answer(?:ing)?)"
)
_GIVING = (
    r"(?:giv(?:e|ing)(?! up| in\b| one\b| (?:you )?(?:the (?:wrong|impression)|a false))|writ(?:e|ing)|creat(?:e|ing)"
    r"|generat(?:e|ing)|produc(?:e|ing)|explain(?:ing)?|offer(?:ing)?|teach(?:ing)?|describ(?:e|ing)|show(?:ing)?"
    r"|advis(?:e|ing)|draft(?:ing)?|suppl(?:y|ying)|instruct|translat(?:e|ing)|summari[sz](?:e|ing)|perform(?:ing)?"
    r"|talk(?:ing)? about|speak(?:ing)? (?:about|on)|outlin(?:e|ing)|recommend (?:that|this|any|doing|ways|methods)"
    r"|tell(?:ing)? you(?! (?:if|whether))|make (?:that|this|such|any|it for)|compose|hand (?:over|out)|disclose"
    r"|reveal|diagnose|prescribe|elaborate|weigh in|comment on)"
)
_NO_REFUSAL = (
    r"(?! (?:but\b|why\b|it if\b|(?:but )?(?:wonder|notic|feel|think|lik|lov|smil|laugh|admir|worry|ask)\w*|myself\b"
    r"|themsel|how (?:happy|glad|sorry|proud|pleased|relieved|excited|grateful|much|many|fast|good|bad|beautiful"
    r"|important|useful|long|often|hard|well)\b|[^.!?\n]{0,60}\b(?:enough|unless|until|exact|exactly|precise"
    r"|precisely|definite|definitive|guarantee|certainty|for certain|for sure|without (?:more|knowing|seeing|further"
    r"|additional|the (?:file|value|context|data))|the same (?:way|answer)|any better|any further detail|every detail"
    r"|in the form|as a (?:product|sum|fraction|ratio|quotient)|as the (?:sum|product|ratio)|closed form|in terms of"
    r"|in full here|all of them here|a single (?:number|answer)|why (?:it|this|that))\b))"
)
_WILL_NOT = (
    r"\bi(?:'m| am)?(?: really| simply| just| also| definitely| therefore| absolutely)* ?(?:won't|will not|will never"
    r"|'ll never|would never|'d never|not (?:going|willing|prepared|about) to|unwilling to|refuse to|(?:do not"
    r"|don't) (?:wish|want|intend) to)(?: ever)? "
    r"(?!lie\b|repeat|go into|need|bore|pretend|spoil|know|deny|go on|forget|claim|say (?:it|that|this|more|anything)"
    r"|bother|rewrite|sugar|keep|list|name|hold|see|find|get|copy|change|use|assume|prove|derive|give (?:up"
    r"|you the wrong)|dwell|mention|waste|judge|leave|miss|love|regret|believe|understand|be (?:able|long|surprised"
    r"|there)|have|let (?:it|this|that))\w+\b[^.!?\n]{0,50}?"
    r"\b(?:that|this|such|instructions?|with you|the one|anyone|anybody|someone|for you|how)\b"
)
_ORDINARY = (
    r"(?:abide|accept|access|afford|agree|apply|argue|arrive|assume|attend|avoid|be|bear|beat|believe|blame|bore"
    r"|bother|give one|break|browse|call|cancel|catch|change|check|choose|claim|come|compare|complain|compute"
    r"|conclude|confirm|connect|convince|copy|count|deal|decide|deduce|deny|derive|determine|distinguish|divide|do"
    r"|drive|drink|drop|eat|emphasi[sz]e|escape|evaluate|exclude|expect|explore|express|factor|fall|fault|feel|figure"
    r"|find|finish|fit|fix|follow|forget|get|go|guarantee|guess|hear|help|hold|identify|ignore|imagine|improve|infer"
    r"|judge|keep|know|leave|lie|like|live|locate|look|lose|love|make|match|measure|mention|miss|move|name|notice"
    r"|open|overstate|parse|pay|picture|place|play|predict|pretend|promise|prove|put|quite|reach|read|recall"
    r"|recogni[sz]e|reconcile|reduce|regret|remember|repeat|replace|reproduce|resist|rest|rewrite|rule|run|save|say"
    r"|see|sell|settle|simplify|sleep|solve|speak to|spot|stand|start|stay|stop|stress|subtract|swim|take|taste|tell"
    r"|test|thank|think|touch|travel|trust|try|turn|understand|use|verify|view|visit|wait|walk|wear|win|wish|wonder"
    r"|work|worry)\b"
)
ENGLISH = re.compile(
    "|".join(
        [
            _WILL_NOT,
            rf"\bi(?:'m| am)?{_ADVERB} ?(?:can't|cannot|can not|won't|will not|(?:am |'m )?(?:not (?:able|going"
            rf"|willing|prepared) to|unable to|(?:not"
            rf"|un)\s?comfortable(?: with)?)){_ADVERB} (?!{_ORDINARY})[a-z]{{3,}}\b{_NO_REFUSAL}",
            r"(?:^|[.!?] )(?:no[.,;] )?i (?:can't|cannot|won't|refuse)[.!]|\b(?:has|have|needs?|will have"
            r"|must) (?:to )?be (?:declined|refused|turned down)\b|\b(?:leave|leaving) (?:this|that|your"
            r"|it)(?: \w+)? (?:unanswered|there|at that)\b|\b(?:guidelines|polic(?:y|ies)|rules|principles"
            r"|values) (?:that|which) (?:prevent|forbid|prohibit|stop|keep|do(?:n't| not) (?:allow|let"
            r"|permit))s? (?:me|us|this|that|such)\b|\bsomething else (?:that )?you(?:'d| would) like (?:to|me)\b"
            r"|\bi(?:'d| would) (?:rather|prefer to|like to) (?:talk|chat|speak) about something\b",
            r"\blet(?:'s| us) not (?:go there|do (?:that|this|it)|discuss|talk|get into|pursue)|\blet(?:'s"
            r"| us) (?:talk|chat|speak|discuss)\b[^.!?\n]{0,40}\binstead\b|\b(?:nothing|none|not|never|won't"
            r"|no)\b[^.!?\n]{0,40}\b(?:come|coming|get|hear|have)\b[^.!?\n]{0,20}\bfrom me\b|\bwe should (?:talk|chat"
            r"|speak|move)\b[^.!?\n]{0,20}\b(?:different|something else|another|other|on to)\b|\b(?:breach|violate"
            r"|break|against)(?:es|s)? (?:the |all )?(?:rules|polic(?:y|ies)|principles|guidelines"
            r"|standards) (?:that )?(?:i|we)\b",
            rf"\b(?:i|we|this assistant)(?: am| are)?(?:'m|'re)?(?:,? (?:really |very |truly |so )?(?:sorry"
            rf"|afraid)[,;]?)?(?: but)?"
            rf"(?: (?:that )?(?:i|we))?{_ADVERB} ?{_NOT}{_ADVERB} {_BE}{_HELPING}\b{_NO_REFUSAL}",
            rf"\bi(?: am|'m)?(?:,? (?:really |very |truly |so )?(?:sorry|afraid)[,;]?)?(?: but)?"
            rf"(?: (?:that )?i)?{_ADVERB} ?{_NOT}{_ADVERB} {_BE}{_GIVING}\b{_NO_REFUSAL}",
            r"^\s*(?:(?:sorry|no|nope|apologies|nah)[,.;]? (?:but )?)+(?:can't|cannot|won't) (?:do|help|assist)"
            r"|^\s*(?:(?:sorry|no|nope|nah)[,.;]? (?:but )?)*(?:i(?:'d| would) rather not|(?:i'm )?not (?:doing|going"
            r" to do) (?:that|this|it)|no can do|not happening|hard pass)[.!]"
            r"|^\s*(?:i|we) (?:won't|refuse|can't|cannot|will not)[.!]|\b(?:sorry|apologies)[,.;]? (?:but )?(?:it's "
            r"|the answer is )?no[.!]|^\s*no[,.;]? (?:i'm )?sorry[.!]",
            r"\bi(?:'m| am) (?:only (?:able|here|allowed|meant|set up) to|not (?:comfortable|ok|okay|at ease) with"
            r"|not the right (?:\w+ )?(?:for|to))|\bi can only (?:help|assist|answer|talk|support)|\b(?:with|for"
            r"|about|in) which i (?:can't|cannot|won't|can|could)\b|\bwant no part|\b(?:is|are|'s)(?:n't"
            r"| not) (?:on the table|up for discussion|an option (?:here|with me)|open to (?:debate|discussion))\b"
            r"|\bout of the question\b|\b(?:is|'s) a no-go\b|^\s*not (?:with|on|from|by) (?:my|me)\b"
            r"|\bno help from (?:me|us)\b|\b(?:no way (?:am i|i(?:'m|'ll| am| will))|under no circumstances (?:will"
            r"|can|should|would|do) i|(?:nor|neither) (?:will|can|do|would) i) "
            r"(?:going to )?(?:help|assist|provide|write|do|give|explain|support|teach|share|be|offer|discuss|produce"
            r"|create)|\bi(?:'m| am| have been|'ve been) (?:prohibited|forbidden|barred|restricted|prevented|blocked"
            r"|discouraged) from\b|\byou(?:'re| are) on your own\b|\b(?:not|im)possible for me to (?:help|assist"
            r"|provide|write|do|give|explain|support|answer|discuss)|\bno interest in (?:help|assist|writ)|\bi(?:'ll"
            r"| will) pass\b|\bhave nothing to (?:offer|say|give) (?:on|about|for)",
            rf"\b(?:sorry|apologi[sz]e|apologies|afraid|unfortunately|regret(?:tably)?|no"
            rf"|nope)\b[^.!?\n]{{0,30}}?\b(?:i|we) ?{_NOT}"
            r"(?: do (?:that|this|it|so))?\s*(?:[.!;]|,? (?:but|so|and)\b|$)",
            r"\b(?:i|we)(?:'ll| will|'m| am| must| have to| need to| am going to|'m going to|'d have to"
            r"| would have to|'ve got to| do| shall)?"
            r"(?: have to| need to)?(?: respectfully| politely| firmly| also)* (?:declin(?:e|ing)|refus(?:e|ing)"
            r"|pass on (?:this|that)|say no|sit this one out|draw the line|turn (?:this|that"
            r"|you) down)\b(?! the (?:offer|null)| to (?:believe|accept|give))",
            r"\b(?:unable|not able|not willing|not going|unwilling) to (?:help|assist|comply|fulfil|provide|support"
            r"|accommodate|do that|do this)\b",
            r"\b(?:cannot|can't|won't|will not) be (?:provided|fulfilled|answered here|discussed|completed|processed"
            r"|accommodated|granted)\b",
            r"\b(?:is|'s|are|'re)(?: simply| just| really)?(?: not|n't)(?: \w+)? "
            r"(?:something|anything|a (?:topic|subject|request|task|thing|road|conversation|place)|topics|things)"
            r"(?: that| which| where)? ?(?:i|we)(?:'m|'ll| am| will| can| could| would| do| should| want|'d)?\b",
            r"\b(?:something|anything|requests?|topics?|things?|content)(?: that| which)? (?:i|we)(?: just"
            r"| simply)? ?(?:can't|cannot|won't|will not|don't|do not|'m not|am not|shouldn't) (?:help|do|assist"
            r"|provide|write|discuss|support|touch|create|engage|going|able|willing|share|comfortable|get|make"
            r"|produce|offer|talk)",
            r"\b(?:(?:falls?|lies?|goes|sits?|is|'s|would be|would go|would fall|runs?)(?: \w+)? (?:outside(?: of)?"
            r"|out of|beyond|against|counter to|afoul of|not within|not in line with|contrary to)|(?:violates?"
            r"|breach(?:es)?|conflicts? with|crosses|would (?:violate|breach|cross)|prohibited by"
            r"|not permitted by)) (?:the )?(?:scope of |limits of |bounds of |everything )?(?:what (?:i|we)\b"
            r"|a line (?:i|we)\b|(?:my|our)"
            r" (?:own |core )?(?:guidelines|polic|principles|values|scope|rules|remit|purpose|role|boundar|ethic"
            r"|programming|safety|limits|terms|content|usage|community|acceptable|capabilit)|(?:content|usage|safety"
            r"|use|community) (?:polic|guideline|rule)|guidelines|i stand for)|\boff[- ]limits (?:for|to) (?:me|us)"
            r"|\ba line (?:that )?(?:i|we) (?:do|will|am|'m|refuse|wo|never)|\bnot available here\b",
            r"\b(?:violates?|violating|violation of|against|breach(?:es)? of|not allowed (?:by|under)|contrary to"
            r"|conflicts? with|in line with) "
            r"(?:my|our|(?:the )?(?:content|usage|safety|use|community|openai|company)'?s?) (?:\w+ )?(?:polic"
            r"|guideline|rule|principle|value|term|standard|ethic|programming)",
            r"\b(?:my|our|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)|programming|principles|values|rules|safety \w+"
            r"|training|terms)"
            r"(?: of use| of service)?(?: (?:that )?(?:i|we) \w+(?: (?:under|by|to))?| here)? (?:prohibits?|prevents?"
            r"|forbids?|bans?|do(?:es)?(?:n't| not) (?:allow|permit|let)|bars?|stops?|rules? (?:this"
            r"|that) out) (?:\w+ )?(?:me\b|us\b|this|that\b|such|it\b|\w+ing\b|the \w+ing|answers)",
            r"\blet(?:'s| us) (?:please )?(?:talk|chat|discuss|focus|move|change|switch|steer|pick|choose|find|turn"
            r"|shift|try|keep|stick)\b[^.!?\n]{0,40}"
            r"\b(?:somewhere|something else|something (?:more|less|different|lighter|nicer|safer)|another (?:topic"
            r"|subject|matter)|a (?:different|safer|nicer|lighter|new)"
            r" (?:topic|subject|question|direction)|the (?:topic|subject)\b|other (?:things|topics)|on to other"
            r"|safer ground|elsewhere|away)",
            r"\b(?:(?:can|could|shall|how about|maybe|perhaps|why don't) we|i(?:'d| would) (?:rather|prefer(?: to)?"
            r"|like to)|i suggest we)\b[^.!?\n]{0,25}"
            r"\b(?:talk|chat|discuss|focus|change|move|speak|switch)\b[^.!?\n]{0,30}\b(?:else|different|another"
            r"|the subject|the topic|other|instead)",
            r"\b(?:please )?ask (?:me )?(?:for |about )?(?:something else|a different question|something different"
            r"|me anything else)",
            r"\bit (?:would be|'d be|is|'s|wouldn't be|isn't|would not be|is not)(?: \w+)? (?:unethical|irresponsible"
            r"|wrong|inappropriate|illegal|dangerous|appropriate|right|ethical|responsible"
            r"|harmful)(?: and \w+)? (?:of|for) (?:me|us) to",
            r"\b(?:i am|i'm|i was)(?: \w+)? (?:designed|programmed|built|trained|made|instructed|told) (?:not to"
            r"|to (?:avoid|refuse|decline|steer clear))",
            r"\bi (?:only|exclusively) (?:help|assist|deal) with|\bi (?:only|exclusively) (?:answer|handle"
            r"|talk about)",
            r"\b(?:you(?:'ll| will)? (?:won't|will not|not|never) (?:get|find|hear)\b[^.!?\n]{0,40}\b(?:from me"
            r"|here)\b|no(?:t|pe)?,? (?:gonna|going to) happen|not happening|no can do|(?:hard|big|firm) (?:pass"
            r"|no)\b|(?:my )?answer (?:to (?:that|this) )?is (?:a (?:firm |clear )?)?no\b(?! \w)|request (?:has been "
            r"|is |was )?(?:denied|refused|declined|rejected)|count me out|(?:that|this)(?:'s| is) a no from me"
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
