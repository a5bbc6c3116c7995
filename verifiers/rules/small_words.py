"""Frequent words of languages that share a writing system: enough to tell their sentences apart.

Function words first, then what reasoning and plain talk use most; chosen for this project. English has a longer list
in `english_words.py`. `pinyin` and `romaji` are Chinese and Japanese in Latin letters; pinyin is told by its syllables.
"""

from __future__ import annotations

from openqwq.verifiers.rules.english_words import ENGLISH_WORDS

_LISTS: dict[str, str] = {
    "de": """
        wert falsch richtig beispiel fehler datei seite text wort wörter liste eingeben geben sie benutzer adresse name
        daten stunden minuten zug uhr seiten ziehen prüfen noch einmal durch null teilen darf lautet einsetzen der die
        das den dem des ein eine einen einem einer eines und oder aber nicht kein keine keinen ich du er es wir ihr mich
        mir dich dir ihn ihm uns euch sich mein meine dein sein seine seinen ihre ihren unser unsere ist sind war waren
        bin bist wird werden wurde worden hat haben habe hatte kann können muss müssen soll will wollen gibt geht macht
        machen gehen kommen kommt sehen sagen zu zum zur mit auf für von vom bei nach aus an am im ins um über unter vor
        gegen ohne bis seit zwischen wegen auch nur schon sehr mehr als wie so dann denn da dass daß ob wenn weil also
        jetzt nun hier dort immer nie wieder heute morgen gestern viel viele alle alles jeder jede jedes dieser diese
        dieses diesen diesem was wer wo warum welche welcher welches man zwei drei vier fünf sechs sieben acht neun zehn
        hundert gleich gleichung lösung antwort frage zahl zahlen ergebnis daher deshalb somit zuerst zunächst
        schließlich suchen berechnen rechnen addieren setzen erhalten bekommen ergibt bitte danke guten gute gut neue
        neuen große großen kleine kleinen ganz etwas nichts jahr jahre zeit tag tage haus kinder mutter vater freund
        stadt wasser wetter schönes damit dabei dazu davon wäre würde hätte könnte möchte eben einfach beide beiden beim
        seien ersten erste zweite zweiten leben leute weiß
    """,
    "fr": """
        train heure heures minutes côtés vérifions remplaçons vide fichier données exemple suite erreur adresse nom
        texte mot mots liste veuillez saisissez entrez utilisateur vrai faux valide supprimer le la les un une des du de
        au aux à en y et ou mais donc car ne pas plus que qui quoi dont où si je tu il elle on nous vous ils elles me te
        se lui leur leurs mon ma mes ton ta tes son sa ses notre nos votre vos ce cet cette ces cela ça est sont était
        étaient être été suis es sommes êtes sera serait ai as avons avez ont avait avoir eu fait faire faut peut
        pouvons peuvent peux veux va vais allons vont aller dit dire voir dans sur sous par pour avec sans chez vers
        entre contre pendant depuis avant après comme quand comment pourquoi alors aussi bien très trop peu encore
        toujours jamais déjà maintenant ici là tout tous toute toutes chaque quelque quelques autre autres même deux
        trois quatre cinq six sept huit neuf dix cent égal égale équation équations solution réponse nombre nombres
        valeur valeurs résultat calculer calculons trouver trouvons obtenons obtient ajoutons ajouter soustraire diviser
        divisons compter cas ensuite enfin ainsi puis puisque parce lorsque celui celle ceux oui non merci bonjour jour
        jours fois temps monde homme femme enfants maison ville vie année ans petit petite grand grande plusieurs
        beaucoup rien moins soustrayons page saisir utiliser premier première seconde deuxième jusqu aujourd hui voici
        voilà eux moi toi soi afin selon étant côté terme termes reste points point somme différence soit supposons
        savons
    """,
    "es": """
        datos ordenamos orden ejemplo error archivo página texto palabra palabras lista introduzca ingrese usuario
        dirección nombre tren horas minutos lado lados restamos sustituimos verificamos comprobamos falso verdadero
        valido válido correo el la los las un una unos unas de del al y o u pero ni que quien cual cuales como cuando
        donde cuanto cuantos cuántos cuántas porque si sí no se su sus mi mis tu tus nuestro nuestra lo le les me te nos
        yo tú él ella ellos ellas usted ustedes nosotros es son era eran fue fueron ser sea está están estaba estar
        estamos estoy ha han he hemos había hay haber tiene tienen tenemos tengo tener puede pueden podemos puedo poder
        hace hacer hacemos va van voy vamos ir dice decir ver veamos en con sin por para sobre entre hasta desde hacia
        según contra durante más menos muy mucho mucha muchos muchas poco todo toda todos todas cada otro otra otros
        este esta estos estas ese esa esos eso esto aquí allí ahora entonces luego después antes también tampoco siempre
        nunca ya aún todavía solo así pues además dos tres cuatro cinco seis siete ocho nueve diez cien igual ecuación
        ecuaciones solución respuesta número números valor valores resultado calcular calculamos encontrar hallar
        obtenemos sumamos sumar restar dividimos dividir contar casos caso primero primera segundo segunda ambos queda
        falta debe debemos gracias hola buenos días día años año tiempo vida casa mundo hombre mujer niños agua bueno
        buena grande pequeño mejor mayor menor parte vez veces cosas cosa qué quién cómo cuál dónde cuándo gusta sido
        mismo misma nada algo
    """,
    "it": """
        esempio errore pagina testo parola parole lista inserisci inserire utente indirizzo nome valido valida treno ore
        minuti lato lati verifichiamo sostituiamo dati ordine sinistra destra vero falso completata successo richiesta
        ammessi caratteri il lo la i gli le un uno una di del dello della dei degli delle a al allo alla ai alle da dal
        dalla dai dalle in nel nella nei nelle su sul sulla con per tra fra e ed o ma se che chi cui come quando dove
        perché quindi allora non è sono sei era erano fu essere stato stata siamo ho hai ha abbiamo avete hanno aveva
        avere può possiamo possono posso fare facciamo fa va vanno andare andiamo dire vedere vediamo io tu lui lei noi
        voi loro mi ti si ci vi mio mia tuo suo sua suoi nostro questo questa questi queste quello quella quelli più
        meno molto molta molti poco tutto tutti tutte ogni altro altra altri anche ancora già sempre mai ora adesso qui
        poi dopo prima così solo ecco due tre quattro cinque sette otto nove dieci cento uguale equazione equazioni
        soluzione risposta numero numeri valore valori risultato calcolare calcoliamo trovare troviamo cerchiamo
        otteniamo sommiamo sommare sottraiamo dividiamo contare casi caso primo secondo seconda entrambi bisogna grazie
        ciao buongiorno giorno giorni anni anno tempo vita casa mondo uomo donna bambini acqua buono grande piccolo
        piccola funzione senza sotto sopra contro verso fino dunque infatti infine oggi ieri domani bene male cosa
        qualche nessuno stesso stessa piace ne
    """,
    "pt": """
        exemplo erro ficheiro arquivo página texto palavra palavras lista introduza insira usuário utilizador endereço
        nome trem horas minutos lado lados verificamos substituímos dados ordem verdadeiro falso válido vazio caracteres
        o a os as um uma uns umas de do da dos das em no na nos nas ao à aos às por pelo pela pelos para com sem sobre
        entre até desde e ou mas nem que quem qual quais como quando onde quanto quantos porque se não sim eu tu você
        vocês ele ela eles elas nós me te lhe lhes seu sua seus suas meu minha nosso nossa é são era eram foi foram ser
        está estão estava estar estamos tem têm temos tenho ter tinha há pode podem podemos posso fazer faz fazemos vai
        vão vamos vou ir dizer ver isso isto este esta estes estas esse essa aquele aquela mais menos muito muita muitos
        pouco todo toda todos todas cada outro outra outros também já ainda sempre nunca agora então depois antes aqui
        assim só mesmo dois duas três quatro cinco seis sete oito nove dez cem igual equação equações solução resposta
        número números valor valores resultado calcular calculamos encontrar obtemos somamos somar subtrair subtraímos
        dividimos dividir contar casos caso primeiro primeira segundo segunda ambos precisamos obrigado olá bom dia dias
        anos ano tempo vida casa mundo homem mulher crianças água boa grande pequeno melhor maior menor parte vez vezes
        coisas coisa gosto gosta nada algo portanto logo hoje ontem amanhã restar falta
    """,
    "nl": """
        voorbeeld fout bestand pagina tekst woord woorden lijst voer geldig gebruiker naam trein uur uren minuten kanten
        trekken controleren gegevens volgorde links rechts waar onwaar beschikbaar gelukt anderen hulp informatie de het
        een en of maar want dus dat die dit deze er hier daar wat wie hoe waarom wanneer welke is zijn was waren ben
        bent wordt worden werd heeft hebben heb had kan kunnen moet moeten zal zullen wil willen mag gaat gaan ga doen
        doet komt komen zien zeggen ik jij je hij zij ze wij we jullie u mij me hem haar ons hen hun zich mijn jouw onze
        in op te tot van voor met naar bij uit aan door over om onder tussen zonder tegen na sinds als dan toen nu ook
        nog al alle alles veel meer minder zeer heel niet geen niets iets iemand niemand altijd nooit weer eerst
        vervolgens twee drie vier vijf zes zeven acht negen tien honderd gelijk vergelijking vergelijkingen oplossing
        antwoord vraag getal getallen waarde resultaat berekenen vinden krijgen tellen optellen delen gevallen daarom
        omdat terwijl dank goed goede nieuwe grote kleine jaar jaren tijd dag dagen huis kinderen stad water leven
        mensen elk elke ander andere zo zou zouden laten beide geeft maken maakt vandaag morgen hallo graag samen
    """,
    "sv": """
        exempel fel fil sida text ord lista fyll ange giltig användare namn tåg timmar minuter sidor drar kontrollera
        data vänster höger sant falskt hjälp adress och att det som en ett är på av för med den till inte har de om jag
        så men var från vi kan han hon eller när ska vid sig alla efter denna detta dessa min mitt din sin sina sitt vår
        oss dig mig honom henne dem ni du man vad vem hur varför där här nu då också bara mycket mer än mellan under
        över utan mot genom inom skulle kunde måste blir blev bli vara varit hade får få gör göra går gå kommer säger se
        ser två tre fyra fem sex sju åtta nio tio hundra lika ekvation ekvationen lösning svaret svar tal talet värde
        värdet resultat beräkna räkna hitta dela alltså därför först sedan varje andra något inget ingen år tid dag hus
        barn vatten tack hej bra stor liten nya
    """,
    "da": """
        og at det som en et er på af for med den til ikke har de om jeg så men var fra vi kan han hun eller når skal ved
        sig alle efter denne dette disse min mit din sin vores os dig mig ham hende dem du man hvad hvem hvordan hvorfor
        hvor der her nu da også bare kun meget mere end mellem under over uden mod gennem ville kunne må blev bliver
        blive være været havde får få gør gøre går gå kommer siger se to tre fire fem seks syv otte ni ti hundrede lig
        ligning løsning svaret svar tal tallet værdi resultat beregne finde altså derfor først derefter hver anden noget
        ingen år tid dag hus børn vand tak hej god stor lille nye
    """,
    "no": """
        og at det som en et er på av for med den til ikke har de om jeg så men var fra vi kan han hun eller når skal ved
        seg alle etter denne dette disse min mitt din sin vår oss deg meg ham henne dem du man hva hvem hvordan hvorfor
        hvor der her nå da også bare mye mer enn mellom under over uten mot gjennom ville kunne må ble blir bli være
        vært hadde får få gjør gjøre går gå kommer sier se to tre fire fem seks sju åtte ni ti hundre lik ligning
        løsning svaret svar tall tallet verdi resultat beregne finne altså derfor først deretter hver annen noe ingen år
        tid dag hus barn vann takk hei god stor liten nye
    """,
    "fi": """
        esimerkki virhe tiedosto sivu teksti sana sanat lista anna annettu käyttäjä osoite nimi juna tuntia minuuttia
        puoli puolelta tarkistetaan ei sallita oikea kelvollinen alle ja on että se hän oli ovat mutta kun niin kuin
        myös tai joka jotka mitä mikä vain jos nyt ole olla minä sinä me te he tämä tuo sen sitä tämän siitä siinä minun
        hänen meidän olen olemme voi voimme voidaan pitää täytyy kaikki kaksi kolme neljä viisi kuusi seitsemän
        kahdeksan yhdeksän kymmenen sata yhtä yhtälö yhtälön ratkaisu vastaus luku luvut arvo tulos lasketaan laskea
        saadaan siis koska sitten ensin paljon hyvin hyvää kiitos hei vuosi päivä talo lapset vesi aika enemmän vähemmän
        kanssa ilman ennen jälkeen
    """,
    "pl": """
        przykład błąd plik strona tekst słowo lista podaj wpisz tylko użytkownik adres nazwa pociąg godzina godzinie
        minut strony obu prawda fałsz poprawny pole typ żadnego cyfry litery i w we z ze na do od o u po za przez dla
        przy bez nad pod przed między oraz albo lub ale a że żeby jak gdy kiedy gdzie co kto który która które czy nie
        tak to ten ta te tego tej tym jest są był była było były być będzie ma mają mamy mam może możemy można trzeba
        musi musimy się sobie ja ty on ona my wy oni mnie ciebie jego jej ich nas mu już jeszcze też także bardzo więcej
        mniej więc teraz potem najpierw zawsze nigdy wszystko wszystkie każdy inny dwa trzy cztery pięć sześć siedem
        osiem dziewięć dziesięć sto równe równanie równania rozwiązanie odpowiedź liczba liczby wartość wynik obliczyć
        obliczmy znaleźć dodajemy dzielimy policzyć przypadki dziękuję cześć dzień dobry rok lat czas dom dzieci woda
        duży mały zatem ponieważ
    """,
    "cs": """
        a i v ve s se z ze na do od o u po za k ke pro při bez nad pod před mezi nebo ale že aby jak když kde kdy co kdo
        který která které není ne ano tak to ten ta tento tato je jsou byl byla bylo být bude má mají máme mám může
        můžeme musí musíme si já ty on ona my vy oni mě jeho její jejich nás už ještě jen také velmi více méně tedy teď
        nyní pak potom nejprve vždy nikdy všechno všechny každý dva tři čtyři pět šest sedm osm devět deset sto rovnice
        rovnici řešení odpověď číslo čísla hodnota výsledek spočítat najít dostaneme děkuji ahoj den dobrý rok čas dům
        děti voda
    """,
    "sk": """
        a aj v vo s so z zo na do od o u po za k pre pri bez nad pod pred medzi alebo ale že aby ako keď kde kedy čo kto
        ktorý ktorá ktoré nie áno tak to ten tá tento je sú bol bola bolo byť bude má majú máme mám môže môžeme musí sa
        si ja ty on ona my vy oni jeho jej ich nás už ešte len tiež veľmi viac menej teda teraz potom najprv vždy dva
        tri štyri päť šesť sedem osem deväť desať rovnica riešenie odpoveď číslo hodnota výsledok ďakujem ahoj deň dobrý
        rok čas
    """,
    "hu": """
        a az és hogy nem is egy van volt ez meg már csak de ha mint el vagy még azt ezt nagyon kell lehet minden mi ő én
        te ők ezek azok ennek annak aki ami amely akkor most így itt ott több kevesebb után előtt között nélkül vannak
        lesz volna kettő két három négy öt hat hét nyolc kilenc tíz száz egyenlő egyenlet megoldás válasz szám érték
        eredmény kiszámítjuk kapjuk tehát mert először köszönöm szia jó nap év idő ház gyerek víz
    """,
    "ro": """
        exemplu eroare fișier pagină text cuvânt listă introduceți introduceţi utilizator adresă nume tren ore minute
        parte sunt permise validă valid separate numai câmp succes cerere și de la în a cu pe nu este o un că din se
        care mai pentru fost ca sau dar după prin al ale această acest acesta aceste ce cine cum când unde dacă ei ea el
        noi voi eu tu îl îi le lor lui sa său meu era erau fi are au avem am poate putem trebuie face facem spre fără
        între până foarte mult mulți tot toate toți fiecare alt alte doar acum atunci apoi deci doi două trei patru
        cinci șase șapte opt nouă zece sută egal ecuație ecuația soluție răspuns număr numărul valoare valoarea rezultat
        calculăm obținem mulțumesc bună ziua zi an ani timp casă copii apă
    """,
    "tr": """
        örnek hata dosya sayfa metin kelime liste girin geçerli bir kullanıcı adres adresi isim ad tren saat dakika
        taraf taraftan kontrol edelim doğru yanlış numarası az ve bu da de için ile çok daha gibi olarak var ne o en
        kadar sonra olan değil mi mı ama her ben sen biz siz onlar şu ki ya veya yok şey önce şimdi burada nasıl neden
        niçin kim hangi ise eğer çünkü bütün tüm bazı iki üç dört beş altı yedi sekiz dokuz on yüz eşit denklem denklemi
        çözüm cevap sayı sayısı değer değeri sonuç hesapla hesaplayalım buluruz bulalım olur olacak oldu eder etmek
        yapmak göre teşekkürler merhaba gün yıl zaman ev çocuk su iyi
    """,
    "vi": """
        và của là có không được trong cho một những các với người này đã khi để từ cũng như về tôi anh đến rất nhiều
        chúng ta bạn nó họ đó thì mà nếu vì nên sẽ đang phải hai ba bốn năm sáu bảy tám chín mười trăm bằng phương trình
        nghiệm đáp án số giá trị kết quả tính tìm cộng trừ nhân chia vậy sau trước bây giờ cảm ơn xin chào ngày thời
        gian nhà nước
    """,
    "id": """
        contoh salah benar berkas halaman teks kata daftar masukkan pengguna alamat nama kereta jam menit sisi kedua
        kita periksa urutan kiri kanan yang gagal permintaan bantuan jawabannya dan di untuk dengan ini itu dari
        tidak ada pada ke dalam akan adalah juga saya kami mereka atau karena bisa lebih sudah oleh anda dia kamu jika
        maka jadi sebagai dapat harus seperti setelah sebelum antara tanpa semua setiap banyak sangat hanya lalu
        kemudian sekarang dua tiga empat lima enam tujuh delapan sembilan sepuluh seratus sama persamaan solusi jawaban
        bilangan angka nilai hasil hitung menghitung mencari menemukan mendapatkan jumlah kurangi bagi terima kasih
        selamat hari tahun waktu rumah anak air baik besar kecil
    """,
    "ms": """
        dan yang di untuk dengan ini itu dari tidak ada pada ke dalam akan adalah juga saya kami mereka atau kerana
        boleh lebih sudah oleh kita anda dia jika maka jadi sebagai dapat mesti seperti selepas sebelum antara tanpa
        semua setiap banyak sangat hanya kemudian sekarang dua tiga empat lima enam tujuh lapan sembilan sepuluh
        persamaan
    """,
    "sw": """
        na ya wa kwa ni katika za la kuwa hii hiyo si cha yake watu sana pia au kama lakini baada yao hili huu hizi hizo
        yangu wangu wetu yetu wao mimi wewe yeye sisi ninyi nini nani wapi lini kila zaidi kabla bila mbili tatu nne
        tano sita saba nane tisa kumi mia sawa jibu swali namba idadi thamani hesabu tunapata hivyo sasa kwanza asante
        habari siku mwaka wakati nyumba mtoto watoto maji mzuri kubwa ndogo
    """,
    "tl": """
        ang ng sa na mga ay at si ni kay para hindi ito iyan iyon ako ikaw siya kami tayo kayo sila ko mo niya namin
        natin nila may mayroon wala kung dahil kaya pero din rin lang po opo isa dalawa tatlo apat lima anim pito walo
        siyam sampu sagot tanong bilang halaga ngayon salamat araw bahay bata tubig mabuti malaki maliit
    """,
    "ca": """
        el la els les un una uns unes de del dels al als i o però que qui com quan on perquè si no es se seu seva meu
        meva em et ens us jo tu ell ella nosaltres és són era eren ser està estan ha han hem té tenen tenim pot poden
        podem fer fa va van anar dir veure amb sense per sobre entre fins des més menys molt molta molts tot tota tots
        cada altre aquest aquesta aquests aquell això ara aquí després també sempre mai dos tres quatre cinc sis set
        vuit nou deu equació solució resposta nombre valor resultat gràcies hola bon dia anys temps casa
    """,
    "af": """
        die en van is nie dat in het wat vir met op sy ek jy hy ons hulle julle dit hierdie daardie word was sal kan
        moet om te na deur uit by aan of maar as dan ook nog baie meer min alle geen hoe waar hoekom twee drie vier vyf
        ses sewe agt nege tien gelyk vergelyking oplossing antwoord getal waarde dankie goeie dag jaar tyd huis kinders
    """,
    "et": """
        ja on ei et see ta oli aga kui ka või mis kes siis nüüd ole mina sina me te nad selle seda kas kõik kaks kolm
        neli viis kuus seitse kaheksa üheksa kümme vastus arv väärtus võrrand aitäh tere päev aasta aeg maja vesi väga
        rohkem
    """,
    "lv": """
        un ir nav ka tas tā viņš bija bet kad arī vai kas tad tagad es tu mēs jūs viņi no uz ar par pie bez visi divi
        trīs četri pieci seši septiņi astoņi deviņi desmit atbilde skaitlis vērtība paldies diena gads laiks māja ūdens
        ļoti vairāk
    """,
    "lt": """
        ir yra nėra kad tai jis buvo bet kai taip pat ar kas tada dabar aš tu mes jūs jie iš į su apie prie be visi du
        trys keturi penki šeši septyni aštuoni devyni dešimt atsakymas skaičius reikšmė ačiū diena metai laikas namas
        vanduo labai
    """,
    "sl": """
        in je ni da to on bil ampak ko tudi ali kaj kdo potem zdaj jaz ti mi vi oni iz na z s pri brez vsi dva tri štiri
        pet šest sedem osem devet deset odgovor število vrednost enačba hvala dan leto čas hiša voda zelo več so smo pa
        za
    """,
    "hr": """
        i je nije da to on bio ali kad kada također ili što tko onda sada ja ti mi vi oni iz na s sa kod bez svi dva tri
        četiri pet šest sedam osam devet deset odgovor broj vrijednost jednadžba hvala dan godina vrijeme kuća voda vrlo
        više su smo
    """,
    "sr": """
        i je nije da to on bio ali kad kada takođe ili šta ko onda sada ja ti mi vi oni iz na s sa kod bez svi dva tri
        četiri pet šest sedam osam devet deset odgovor broj vrednost jednačina hvala dan godina vreme kuća voda vrlo
        više su smo и је није да то он био али кад када такође или шта ко онда сада ја ти ми ви они из на с са код без
        сви два три четири одговор број
    """,
    "sq": """
        dhe është nuk që në një për me i e të së nga si por kur edhe ose çfarë kush tani unë ti ne ju ata kjo ky dy tre
        katër pesë gjashtë shtatë tetë nëntë dhjetë përgjigja numri vlera faleminderit dita viti koha shtëpia uji shumë
        më
    """,
    "cy": """
        a ac y yr yn mae nid ei bod oedd ond pan hefyd neu beth pwy nawr fi ti ni chi nhw o i ar gan am heb dau tri
        pedwar pump chwech saith wyth naw deg ateb rhif gwerth diolch dydd blwyddyn amser tŷ dŵr iawn mwy wedi
    """,
    "so": """
        waa iyo oo ah ka ku ee uu ay ma in si la aan waxaa inuu inay kale laakiin marka sidoo ama maxaa kan tan hadda
        aniga adiga laba saddex afar shan lix toddoba sideed sagaal toban jawaab tiro mahadsanid maalin sano waqti guri
        biyo badan
    """,
    "pinyin": "",
    "romaji": """
        wa ga wo ni desu masu deshita mashita kara made kono sono ano kore sore watashi anata kare kanojo shimasu shite
        suru naru arimasu imasu nai dewa mata soshite shikashi nani doko itsu dare naze totemo hitotsu futatsu mittsu
        kotae kazu atai tsugi ima kyou ashita kinou arigatou konnichiwa hai iie mizu hito kodomo tasu hiku
    """,
    "ru": """
        и в во не на я что он с со как это по но они мы к ко у из за от так же вы то все она был была были для его
        потому или при если чтобы когда где кто какой который которая быть есть нет да уже ещё только очень более менее
        может можно нужно надо теперь затем потом сначала ответ число значение уравнение получаем найдём два три четыре
        пять
    """,
    "uk": """
        і й в у не на я що він з із як це та але вони ми до за від так ви то все вона був була були для його тому або
        при є якщо щоб коли де хто який яка бути немає вже ще тільки дуже більше менше може можна треба тепер потім
        спочатку відповідь число значення рівняння отримуємо знайдемо два три чотири п ять
    """,
    "bg": """
        и в във не на аз че той с със как това по но те ние към от за така вие то всички тя беше него защото или при е
        са съм си ще да се ако когато къде кой който която има няма вече още само много повече по-малко може трябва сега
        после първо отговор число стойност уравнение получаваме намираме две три четири пет
    """,
    "ar": """
        في من على إلى أن هذا هذه التي الذي عن مع كان لا ما هو هي أو ثم قد كل بعد قبل إن لم لن كانت يكون هناك نحن أنا أنت
        هم ذلك تلك بين عند حتى إذا لأن لكن أي غير الآن
    """,
    "fa": """
        و در به از که این را با است برای آن یک می تا بر هم یا بود شد خود ها های من تو او ما شما آنها نیست هستند اگر اما
        چون پس هر باید دو سه چهار پنج عدد پاسخ مقدار معادله اکنون
    """,
    "ur": """
        کے میں کی ہے اور سے کا کو نے پر یہ کہ ہیں تھا بھی اس نہیں کر ایک جو ہم آپ وہ تم ان اب اگر لیکن کیا تو ہو گا دو
        تین چار پانچ جواب عدد
    """,
    "hi": """
        के में की है और से का को ने पर यह कि हैं था भी इस नहीं कर एक जो हो लिए तो वह हम आप मैं थे थी अगर लेकिन क्या अब
        फिर दो तीन चार पाँच संख्या उत्तर मान समीकरण गया रहा
    """,
    "mr": """
        आहे आणि या व ते हे नाही मध्ये तर होते आहेत की साठी करून एक हा ही त्या आम्ही तुम्ही मी तो ती काय आता दोन तीन चार
        पाच उत्तर संख्या
    """,
    "ne": """
        छ र को मा यो हो ले लाई छन् पनि गर्न भएको थियो एक न त्यो का हामी तपाईं म के अब दुई तीन चार पाँच उत्तर संख्या
    """,
}
SMALL_WORDS: dict[str, frozenset[str]] = {language: frozenset(words.split()) for language, words in _LISTS.items()}
"""Language code -> frequent words."""
SMALL_WORDS["en"] = ENGLISH_WORDS
