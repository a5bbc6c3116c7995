"""Common English words, and the letter triples that English words are made of.

Words: those of plain talk, and the most frequent lower-case ones of public mathematics problems and of Python's manual.
Triples: the 1,900 most frequent in the same texts, `_` for the border of a word; they cover 94 % of the triples there.
"""

from __future__ import annotations

_WORDS = """
a able about above account across action add added adding addition additional adds adult adults after afternoon again
against age ages ago air airport all almost along already also although altitude altogether always am among amount an
and angle angles animal animals another answer answers ants any anyone anything apart apartment apple apples apps
aquarium are area areas argument arguments around array art as ask asked asks assignment at ate attribute attributes
aunt autumn available average away baby back bad bag bags bake baked bakes ball balloons balls banana bananas band
bank bars base basket basketball baskets batch batches be beach beads beans beautiful became because become becomes
bed bedroom beds beef been before began begin beginning behind being believe below beneath beside besides best better
between beyond big bike bikes bill bills bird birdbath birds birthday black block blocks blue blueberries boat body
book books both bottle bottles bottom bought bowl box boxes boy boys bracelet bread break breakfast bricks bridge
bright bring broken brother brothers brought brown brownies bucket build building buildings built bus business but
butter buttons buy buying buys by bytes cake cakes calculate call called calls calories came camp campers can candies
candles candy cannot cans capacity caps car card cards care carried carrots carry cars cartons case cases cat catch
cats caught center centimeters cents certain chair chairs change changed characters charge charged charges check
cheese chicken chickens child children chips chocolate choices circle city class classes clean cleaning clear close
closed clothes cm code coffee coins cold collect collected collection collects color column combine combined come
comes coming command common company comparison complete computer computers concert consider considered constant
consume contain container containing contains context convert cook cookies cool corn correct corresponding cost costs
cotton could count counted country counts cousin cover cows crackers crayons cream create created crowd cubes cubic
cup cupcakes cups current currently customer customers cut dad daily dare dark data day days dear decided decides
decimal default define defined definition degrees deliver delivery denominator denote determine dictionary did die
difference different digit digits dimensions dimes dinner discount dishes distance divide divided dividing divisible
divisor divisors do doctor does dog dogs doing dollar dollars dolls donated done donuts door double doubled down dozen
dozens drank dresses drink drinks drive drives driving dropped drove ducks during each early earn earned earnings
earns earth easy eat eaten eating eats egg eggs eight either elements eleven else email emails employees empty end
ended energy engine english enough enter entire episodes equal equally equals equation equations equivalent erasers
essay even evening event ever every everyone everything exactly exam example examples exams except exception expensive
express expression expressions extra eye eyes face fact factor factors facts false families family far farm farmer
fast faster father favorite fee feed feel feet felt female fence few fewer field fifth figure figures file files fill
filled filling film final finally find finds fine finish finished fire first fish fit five flagpole flight floor
floors flour flower flowers follow followed followers following follows food foot football for force forest forget
form format formed formula found four fourth fraction fractions frame free fridge friend friends fries frog frogs from
fruit fruits ft full function functions gallon gallons game games garden gas gate gave get gets getting gift gifts
girl girls give given gives giving glass glasses global go goal goals goats goes going gold gone good got grade grades
grams grandma grandpa great greater greatest green grocery ground group groups grow grows guests gum gumballs gym had
hair half hand hands happen happened happy hard harvest has hats have having he head health hear heard heart height
held hello help helped helps hence her here hers herself hey hi high highest hill him his history hold holds holes
holiday home homework hope horse horses host hot hotel hour hourly hours house houses how however hundred hungry
hypotenuse i ice idea ideas identify if implement implementation import important in inch inches including increase
increased increases indeed index inequality information initial initially inside instance instances instead integer
integers interest internet interpreter into iron is island isolate isosceles it item items its itself jar jelly job
juice jump just keep keeps kept key keys keyword kg kids kilograms kilometers kind kitchen km knew know known knows
land language laps large larger largest last late later laundry lawn lb lbs learn learned learning least leave leaves
leaving left leg legos legs lemonade length less lesson lessons let lets letter letters level library life lift light
lights like likely likes limit line lines list listen lists liter literals liters little live lived living loaves
local lollipops long longer look looked looking looks lose loses lost lot lots love loved lovely low lunch machine
machines made mail make makes making male man many mapping marbles market marks masks match matches math maximum may
maybe me meal meals mean meaning means meant measure measured meat medicine medium meet member members memory men
message messages met metal meters method methods microwave middle might mile miles milk milliliters million mine mined
mines minus minute minutes missing mixed mm model module mom money month monthly months moon more morning most mother
mountain move moved movie movies mph much muffins multiple multiples multiply multiplying music must my name names
namespace nature near nearest necklaces need needed needs negative neighbor neighbors neither never new newspapers
next nice nickels night nine no nobody non nor normal not note notebooks notes nothing now number numbers numerator
object objects odd of off office often oil ok okay old older on once one ones onions only onto open opened operations
or orange oranges order ordered orders original originally other others ought ounce ounces our ours out outcomes
output outside oven over overall own owner owns oz pack package packages packs page pages paid paint painting
paintings pair pairs pan pants paper paragraph parentheses parents park parking part parts party pass passed
passengers past pay pays peaches pencils pennies pens people per percent percentage perfect perform perhaps perimeter
person pet pets phone photos pick pickaxe picked picks picture pie piece pieces pies pills pink pints pizza pizzas
place placed plan plane planes plans plant planted plants plastic plate plates play played players playing plays
please plenty plus poem point points pole pond pool popcorn population positive possible pot potato potatoes pots
pound pounds power practice present previous price prime probability problem problems process produce produces product
profit program project puppies purchase purple push put puts quarter quarters quarts question questions queue
quickstart quiet quite rabbits race radius rain raise raised raises ran range rarely rate rather ratio reach read
reading reads ready really reason reasons receive received receives recipe record rectangle red reference region
regions regular remain remainder remained remaining remember removed rent report represent representing represents
required rest restaurant result results return returned returns reward ride right river road rolls room rooms root
rope roses round rounds row rows run running runs sacks sad said salary sale sales same samples sandwich sandwiches
save saved saves savings saw say saying says school science scoop scoops score scored scores sea seashells season
seats second seconds section see seed seeds seeing seem seemed seems seen sees segments self sell selling sells
semester sent sentence sequence sequences series service servings set sets seven several shadow shall share shared she
sheep sheet sheets shelf shells ship shirt shirts shoes shop shopping short should show shown shows side sides sign
silver simple simplifies simplify since single sir sister six size sized skill skills sky sleep slept slice slices
slow small smaller smallest snow so soccer socks soda sodas software sold solution solutions solve some someone
something sometimes son song songs soon sorry space speak special speed spend spends spent split spoke spoon spots
spring sq square squares stack stage stamps standard star stars start started starting starts statement station stay
stayed steel step steps stick stickers sticks still stitches stock stone stop stopped store story straight
strawberries strawberry street string strings stripes strong student students stuffed subtract such sugar suite sum
summary summer sun supplies support sure system table tables tablespoons take taken takes taking talk talked tall
taller tank taught tea teach teacher teachers team teams teeth tell tells temperature ten tennis term terms test tests
text than thank thanks that the their theirs them then there therefore these they thing things think thinking thinks
third this those though thought thousand three threw through throughout throw thus ticket tickets tiles time times
tiny tired tires title to today together token tokens told tomatoes tomorrow too took top total toward towards towels
tower town toys train training trapezoid travel traveled travels trays tree trees triangle triangles tried trip triple
trips truck trucks true try trying turn turned turtles twelve twenty twice two type types uncle under understand units
unless until up upon ups us use used user uses using usually vacation value values van variable variables vase
vegetables verifier version very video volume votes wait waited wake walk walked walks wall walls want wanted wants
warm was wash watch watched watches watching water way ways we wearing weather website week weekend weekends weekly
weeks weigh weighed weighs weight weights well went were what wheels when where whereas which while white who whole
whom whose why wide width will win wind window windows wins winter wish with within without woke woman women won
wonderful wood word words work worked worker workers working works world worse worst worth would write writes written
wrong wrote yard yards year yearly years yellow yes yesterday yet yield you young younger your yours zero
"""
_TRIPLES = """
_ab_ac_ad_af_ag_ai_al_am_an_ap_ar_as_at_au_av_aw_ba_be_bi_bl_bo_br_bu_by_ca_ce_ch_ci_cl_co_cr_cu_da_de_di_do_dr_du_ea
_eg_ei_el_em_en_ep_eq_er_es_ev_ex_fa_fe_fi_fl_fo_fr_fu_ga_ge_gi_gl_go_gr_gu_ha_he_hi_ho_hu_hy_id_im_in_is_it_ja_je_jo
_ju_ke_ki_kn_la_le_li_lo_lu_ma_me_mi_mo_mu_na_ne_ni_no_nu_ob_oc_of_ol_om_on_op_or_ot_ou_ov_ow_pa_pe_ph_pi_pl_po_pr_pu
_py_qu_ra_re_ri_ro_ru_sa_sc_se_sh_si_sk_sl_sm_sn_so_sp_sq_st_su_sw_sy_ta_te_th_ti_to_tr_tu_tw_ty_un_up_us_va_ve_vi_vo
_wa_we_wh_wi_wo_wr_ya_ye_yi_yo_ze_zoabbabiablaboabsabyacaaccaceachaciackacoacractad_addadeadiadoadsaduadyaffaftag_aga
ageagoagragsaidailainairaisaitak_akeakiaksal_alaalcalealialkallaloalsaltaluam_ambameamiamoampamsan_anaancandaneangani
ankannanoansantanuanyap_apaapeaphappapsaptar_araarbarcardareargariarkarlarmarnaroarparrarsartarvaryas_aseashasiaskaso
aspassastasuasyat_atcateathatiatoatsattatuaugaulaunausaveaviavoaw_awaawbawnax_ay_ayeayiayoaysbabbacbagbakbalbanbarbas
batbbibblbe_beabecbedbeebegbehbelberbesbetbicbiebigbikbilbinbirbitbjeblablebliblobluboabonbooborbotboubowboxboybrabre
bribrobs_bstbtrbucbugbuibulbunburbusbutbuyby_bytcakcalcamcancapcarcascatcaucceccoccuce_cedceicelcencepcercesch_chache
chichociacidciecifcilcincipcirciscitck_ckackeckicklcksclacleclicloclucoacodcolcomconcoocopcorcoscoucovcowcracrecricro
cs_ct_ctactectictlctoctrctsctucubculcumcupcurcuscutcy_cycda_daidandatdaydd_ddeddiddlde_deadebdecdeddeedefdeldendeodep
derdesdetdgediadicdiddiedifdigdimdindirdisditdiudivdledocdoedogdoldomdondoodoudowdozdradredridrodryds_duaducduldwidy_
ea_eaceadeakealeameaneapeareaseateavebaebeeboebuecaeceecieckecoectecued_edeediedredseduee_eedeekeeleeneepeereeseetef_
efeefiefoeftefuegaegeeggegiegmegoegrehieigeineivekeel_elaeldeleelfelielleloelpelselvelyem_emaembemeemoempemsen_enaenc
endeneengeniennenoensentenuenvep_epaepeephepieplepoeppeprepseptequer_eraercerdereerferierlermerneroerperrerserterverw
eryes_esceseesiesoespessestesuet_etaetbeteethetietretsettetuevaeveeview_ewaeweewoewsex_exaexcexeexiexpextey_eysfacfai
falfamfarfasfaufavfe_fecfeefemfenferfewff_ffeffificfiefiffigfilfinfirfisfitfixflafleflifloflyfolfooforfoufrafrefrifro
fruft_ftefthfulfunfy_gaigalgamgangargasgatge_gedgengergesgetggegh_ghbgheghtgifgingiogirgitgivglagleglogmegn_gnego_goa
goegolgongoogosgotgragregrogs_gthguegulgumgurgy_hadhaihalhamhanhapharhashathavhbohe_heahechedheeheihelhemhenherheshic
hidhighikhilhimhinhiphirhishithochodhoehoiholhomhonhoohophorhoshothouhowhrehrohs_ht_htehtshunhusia_iabiagialianiatibl
ibuic_icaiceichiciickiclicsicticuicyid_iddideidiidsie_ieciedielienieriesiewifeiffifiiftifyig_iggighigiignigsiguikeil_
ilaildileiliilkilliloilsiltilyim_imaimbimeimiimmimpimsimuin_inaincindineinfinginiinkinninsintinuinvio_ionioriouip_ipe
iplippipsiptir_ircirdireirliroirsirtis_isciseishisiisoispissistit_itaitciteithitiitoitsittituityiumivaiveiviix_ixeixt
izaizeizzjacjarjecjeljobjoijudjumkagkdake_kedkeekelkenkerkesketkeykidkiekilkinkipkitklaknokpoks_kupla_lablacladlaglai
lamlanlaplarlaslatlaulawlaylbslculd_ldeldildsle_lealecledleelefleglemlenleplerlesletlevlexlf_liclidlielifligliklillim
linlioliplislitlivlizlk_lksll_llallellillollsllyloaloblocloglomlonlooloplorloslotloulowloyls_lselt_ltiltslualudluelum
luslutlvely_lyimacmagmaimakmalmanmapmarmasmatmbembime_meamedmelmemmenmermesmetmicmidmilminmismitmixml_mmammemmimodmon
mormosmotmoumovmp_mpampempimplmpomprmpsmptmpums_mulmummusmutna_nacnagnainalnamnannarnatnc_ncenchncinclnconcrnctnd_nda
ndendindlndondrndsndwne_neanecnedneeneinelnennernesnetnewneynflng_ngenginglngongsngtngunicnienignimninnionisnitniznk_
nksnlynmennenninnono_nomnonnoonornotnounowns_nsensinstnsunswnt_ntantenthntintlntontrntsntynuenumnusnutnvenvinvony_oad
oaloaroasoatobaobjoblobsocaoccoceockocood_odaodeodiodsoduoesof_offofioftog_ogeogrogsoidoiloinok_okeokioksol_olaoldole
oliolloloolsoluolvom_omaombomeomiommompomson_onaoncondoneongonionlonsontonuonvoo_oodookooloomoonoopooroosootop_opeopo
oppopsoptor_oraorcordoreoriorkormornorrorsortoryos_oseosiossostot_otaoteothotiotootsottoubougoulounoupourousoutoveovi
ow_owaoweowiowlownowsox_oy_oyeoysozepacpagpaipanpapparpaspatpaypdape_peapecpedpeepenpepperpespetph_phaphopicpiepigpil
pinpirpitpizplaplepliplopluplypoipolponpoopopporpospotpoupowppeppipplppopprpraprepriprops_psipt_pteptiptopulpuppurpus
putpy_quaquequiquora_rabracradrafragrairalramranraprarrasratravrawrayrcerchrcirclrcurd_rderdirdsre_rearecredreerefreg
relremrenrepreqresretrevrewrflrforgerguriaribricridrierifrigrimrinrioriprisritriurivrizrk_rkerkirksrlirlyrm_rmarmermi
rmsrmurn_rnarnernirnsro_roarobrocrodrofrogrokrolromronrooroprosrotrourovrowrperplrprrrarrerrirrorryrs_rsershrsirstrt_
rtarterthrtirtmrtortsrtyrucruirumrunrverviry_ryisacsagsaisalsamsansatsausavsayscasceschscoscrse_seasecsedseesegselsem
senseqsersessetsevsh_shasheshishosibsicsidsigsilsimsinsiosissitsivsixsizsk_skeskisksslasleslislosmasnasnoso_socsodsol
somsonsorsossouspaspespisplsposprsquss_ssassessissossust_stastestistostrstsstusubsuesugsuisulsumsunsupsurswasweswisyn
systa_tabtactagtaitaktaltamtantartastattaxtaytbatchte_teatebtedteetegteltemtenteptertestexth_thathethithothrthstiatic
tietiftiltimtintiotiptirtistittivtletlytmeto_toctodtoetogtoktoltomtontootoptortostottoutowtoytratretritrotrutryts_tte
ttittlttottrtuatubtudtufturtuttwetwitwoty_typualuaruatub_ubeublubsubtuceuchuckuctudeudgudiue_uebuenuesuetuffuggughugs
uicuiluiruitulaulduleullultum_umbumeummumpumsun_uncundunguniunnunsuntuotup_updupeupiupluppupsur_uraurcureuriurnurpurr
ursurtus_usauseushusiustut_utautcuteutiutsuttvacvalvanvarvatve_vedvegvelvenvervesvicvidvievinviovisvitvolvorvotwaiwal
wanwarwaswatwaywbeweawedweeweiwelwenwerwhawhewhiwhowicwidwimwinwiswitwn_wnswomwooworwrawriwrows_xamxcexecxedxesximxpe
xprxt_yaryclyeayedyeryesyieyinymeyncyonyouypeys_ysiystyteythywozatze_zedzenzerzinzza
"""
ENGLISH_WORDS = frozenset(_WORDS.split())
_JOINED = "".join(_TRIPLES.split())
ENGLISH_TRIPLES = frozenset(_JOINED[start : start + 3] for start in range(0, len(_JOINED), 3))
