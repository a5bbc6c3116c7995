"""Frequent small words of languages that share a writing system: enough to tell their sentences apart."""

from __future__ import annotations

_LISTS: dict[str, str] = {
    "en": (
        "the of and to in is was that it for on with as are this be at by from they have not you but were "
        "his her or an we can will there their which what all would been has had if when who so no out up "
        "one do into"
    ),
    "de": (
        "der die das und ist nicht ich du er sie es wir ihr ein eine einen einem einer zu mit auf für von "
        "dem den des im sich auch als an wird wie bei nach aus noch nur oder wenn sind war hat um über dass "
        "aber kann"
    ),
    "fr": (
        "le la les de des du et est un une il elle nous vous ils que qui dans pour pas sur avec ce cette au "
        "aux par plus ne se en sont son sa ses mais ou où était être a été comme je leur on très"
    ),
    "es": (
        "el la los las de del y es un una que en no se por con para su al lo como más pero sus le ya o este "
        "sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde fue son está"
    ),
    "it": (
        "il lo la i gli le di del della dei e è un una che in non si per con su al alla da come più ma "
        "anche sono nel nella ha era questo questa perché o se ci dalle delle dal essere molto"
    ),
    "pt": (
        "o a os as de do da dos das e é um uma que em no na não se por com para seu sua ao como mais mas "
        "foi são ele ela isso este esta também já ou quando muito nos nas pelo pela está ser"
    ),
    "nl": (
        "de het een en van is dat niet in op te zijn met voor die er aan ook als maar om bij nog uit dan "
        "naar wat heeft door over ze hij wij je u was werd kan geen deze dit hebben worden"
    ),
    "sv": (
        "och att det som en är på av för med den till inte har de ett om jag så men var från vi kan han hon "
        "eller när ska vid sig alla efter denna detta"
    ),
    "da": (
        "og at det som en er på af for med den til ikke har de et om jeg så men var fra vi kan han hun "
        "eller når skal ved sig alle efter denne dette blev"
    ),
    "no": (
        "og at det som en er på av for med den til ikke har de et om jeg så men var fra vi kan han hun "
        "eller når skal ved seg alle etter denne dette ble"
    ),
    "fi": (
        "ja on ei että se hän oli ovat mutta kun niin kuin myös tai joka mitä vain jos nyt ole olla minä "
        "sinä me te he tämä"
    ),
    "pl": (
        "i w nie na się że z do to jest jak o po ale za od co tak przez dla są był był być czy przy oraz "
        "już tylko może jego który która które"
    ),
    "cs": (
        "a v se na je že s z do to i o jak po ale za od co tak pro jsou byl být nebo jeho který která které "
        "není také při už jen"
    ),
    "hu": ("a az és hogy nem is egy van volt ez meg már csak de ha mint el vagy még azt nagyon kell lehet minden"),
    "ro": (
        "și de la în a cu pe nu este o un că din se care mai pentru sunt fost ca sau dar după prin al ale este această"
    ),
    "tr": ("ve bir bu da de için ile çok daha gibi olarak var ne o en kadar sonra olan değil mi ama her ben sen biz"),
    "vi": (
        "và của là có không được trong cho một những các với người này đã khi để từ cũng như về tôi anh đến rất nhiều"
    ),
    "id": (
        "dan yang di untuk dengan ini itu dari tidak ada pada ke dalam akan adalah juga saya kami mereka "
        "atau karena bisa lebih sudah oleh"
    ),
    "sw": "na ya wa kwa ni katika za la kuwa hii hiyo si cha yake watu sana pia au kama lakini baada yao",
    "ru": ("и в не на я что он с как это по но они мы к у из за от так же вы то все она был для его потому или при"),
    "uk": ("і в не на я що він з як це та але вони ми до у із за від так ви то все вона був для його тому або при є"),
    "bg": (
        "и в не на аз че той с как това по но те ние към от за така вие то всички тя беше за него защото или при е се"
    ),
    "ar": "في من على إلى أن هذا هذه التي الذي عن مع كان لا ما هو هي أو ثم قد كل بعد قبل",
    "fa": "و در به از که این را با است برای آن یک می تا بر هم یا بود شد خود ها های",
    "ur": "کے میں کی ہے اور سے کا کو نے پر یہ کہ ہیں تھا بھی اس نہیں کر ایک جو",
    "hi": "के में की है और से का को ने पर यह कि हैं था भी इस नहीं कर एक जो हो लिए",
    "mr": "आहे आणि या व ते हे नाही मध्ये तर होते आहेत की साठी करून एक हा ही त्या",
    "ne": "छ र को मा यो हो ले लाई छन् पनि गर्न भएको थियो एक न त्यो का",
}
SMALL_WORDS = {language: frozenset(words.split()) for language, words in _LISTS.items()}
