/**
 * The letter pieces of the shipped vocabulary (assets/tokenizer). Made-up words are put together
 * from them, so that every piece comes to stand inside a value. The vocabulary was trained before this list was read
 * from it: training a new one gives other pieces, and this list then follows it.
 */
export const wordPieces: readonly string[] = `
  a ab abl able about abro aby ac accr ace ach ack act ad add ade adjust ady af after ag again age
  ai ail ain ak aka ake al alarm album ald ale alex alk all als also alt alth aly am ame ami amir
  amount amp an ana anc anch and ang ange anim ank ano another ant any ap apa ape app apple appli
  ar ara arab arch ard are argu ark arl arm arn art ary as ash ason ass ast at ate ath athe athen
  ather ation att atur aty au aus aust aut av ave aw away ax ay az b ba back bag bak bake baku bal
  ball ban bank bar bas base bat bath be bed beep before begin being bel ben ber best bey beyond
  bi big bike bil bili bin biol bir bit bl bla black blan ble blem bli blin blo block blu blue bo
  bogot boil book bot both bott box br bra brar bre bread bri brin bring bro brow browse brush bu
  bud build bum bur bus but buy by c ca cab cai cake cal calculate calendar call called calling
  cam came can cand cannot car card carr carry cas cast cat cation ce cel celsi celsius cem cen
  cent cer cert certain ch cha chai change changed changes chap char che check chee chen cher chic
  cho chur ci cie cim cin city ck cl cla clar cle clean clo clock close clou cloud cloudy co coa
  coat code coff col cold color com comb come comes coming con conne connect cont contr conv
  conver conversi convert cook cooking copy cot could count countdown cour course cr cre create
  cri cro ct cu cul culate cup cur cut cze d da dall dar date day de degrees del delete den dent
  der dg dge di dial dialing din dio dir dirty dish dmit do doc docu document documents don done
  door dor dow down dr draw dre dri drive dro drop drum ds du dust dut dy e ea eag ear early echo
  ed edule ee eg egg eggs ei ek el eld elif ell em emp empty en end ends eness eng enjoy enk ent
  enter entry ep epp er erd ere erk ern ert ery es esday esh esk ess est et eve event ew ex expect
  express ey f fa fac fah fahren far farm favor favorite fe fee feed feel fel fen fer ff fi file
  files film fin find fine finn fion fir fire fish fix fl fla flat fle flight flo floor flower fo
  fog foggy fol fold folder folders food for fore forecast forget fork found fr fre fren fri
  friday friend friends fro from fry ft fu ful full fun funny fy g ga gal game gar ge gen gene ger
  get gi gift gin git give gl gla glad gladly gle glo go goa goal goat goes gold gon good goog
  google got gr gra gram grass gre great gree greek green grees gri gro group gry gu guage gue
  guit gy gym h ha hal hall ham han happ happy har hard hat hate hav he hea hear heat heav hee
  height heit hel hello help hem hen her here hey hi hich hid hide hil him hin hind hir ho hol
  holid hom home hon hor horse hot hotel hoto hou hour house how hu hugo hun hur hy i ia ib ic ice
  ich ick id ide idy ie ies if ig igh ight ik il ild ile ilk ill ily im image imp in ind ine ines
  ing ink int inter internet iol ion ip ir ird irk irn iron irs irt iry is isa ish isl iss ist it
  ita ital itch ite ith ito itt ity iv ive ivo ix iz j ja jac jade je jo joke jom jon joy jul juli
  just jy k ka kam kamp kan kar karl kay ke keep kel kem ken ket key kg ki kind kindly kit kl kle
  klo km kn kna kne kni kno know ko kof kore ky kyo l la lab label lad lago lal lam lamp lan
  language lar last lat late lau launch lb ld le lea leaf lease led lee leed left lel lem len lena
  lend lendar ler let lete level li liam lie light lights like lil lim lin line lion lir list
  listen live lk ll lla lld lll llo lm lo load lob loc locate lock lol lom lon long loo look
  looking looks lor lou loud loudness love lower lu lue lug lul lum lun lunch lur ly m ma mai mail
  mak make makes mal man many map maps mar mark mart me mean meas measure medi mee meet men ment
  ments mer mes message mi mil milk milo min minute minutes mir mit mix mo mode moder mon monday
  money moo moon mor morning mou mov move mp mu much mul mum mus muse music must my n na nadi nai
  nal nam name nd ne ned need needs nel nem ner nesday ness net never new ng ni nice night nil nim
  nin ning nir nk no nom non none nor not note notes now nt nts nty nu num number nur ny o oa ob
  oc oce ock od of off offi og oi ok okay ol old olg oll olle om omp on ond one oney ong oni onk
  online ont oo ood ook ool op ope open opened or ora ord order ore org ork orn orry ort ory os
  osl ot ott otto ou oud oug ough ould oun ound ount oup our out oux ov ove oven over ow owl owner
  oz p pa pac pack pag page pages pai paint pal pam pan pant pap paper par pare party pas passed
  path pau paul pay pd pdf pe pen peop people pep per percent person pet ph phe pho phone phot
  photo phy pi pic pick pie pil pill pizz pl pla place plan plane plate play playing ple please
  pli plo ply po pod poem pol pom por port post pot pp pr pra prac practi pre prep press pri price
  prin print pro problem program pu pull pun pune push put puzz py q qu que query qui quick quie
  quito quo r ra rab rac race rai rain raining rainy raise ral ram ran rar rate ravi rd re rea
  read reason rec rece red ree rel rem remind reminded reminder remove ren renew rent rep repa
  repe repeat report rer res reserve ress result results ri rice rig riga right ril rim rin ring
  ringing rings rir rite rive rk rn ro rob roc rock rol rom ron roo room ror ros rose rot rotate
  rou row rt ru rue rul rum run running runs rur ry s sa sage said sal salad salt san sand sant
  sar satur saturday save saved saw say saying says sc sca scan scar scarf sce sch schedule sci
  sco scre se search seat secon seconds sed see seed sel sell sen send sent seou ser serve set sh
  shape shar share she shel shi shir shirt sho shoe shoo shoot shop shor should show si sic sig
  sign sil silk sim sister size sk ske sket sky sl sle sli slo slow sm sma sme smi smo sn sna sne
  sni sno snow snowy so soa sof sol som some someone something son song songs sor sorry sort sou
  sound soup sour source sp spa span spe speak speed spi spid spo ss st sta stage stairs stand
  star start starting starts state ste ster sterday sti sto ston stop stor store story str stre
  stu stud study sty style su such sug sum sun sunday sunny sure sw swa swam swap swe swee swer
  swim switch switched switches swo t ta tab table tag tai take tal talk tar target tax te tea
  team tel tell telling tem temp ten ter tes test text th thai thank thanks that the ther there
  thing think tho thr through thu thun thurs thursday thy ti tic ticket tim time timer tion tired
  title tle to today told tom tomor tomorrow ton tone tool tools topic tor total tow towe tower tr
  tra track trai train tram tran transl translate tre tree tri tro try tt tu tuesday tul tun tur
  turk turn tw twa twe two ty type u ud ue ues uf ug ul uld ule ull ult um uma umbre umbrella ume
  umn ump umx un unch und under unit units unk unt up upd ur ura urd ure urk urn urs ury us use
  used ush using ust ut ute v va val value vau vaul vault ve vel ven vent ver vera very vi vide
  video vie vien vil vilni vim vin viol vis visit vit vo voi voic vol volume vom vor w wa wake wal
  wall waln wam wan wand want war warm was wash washing wat watch wate water way we weather web
  wed wednesday wee week weigh weight wel well welsh wem wen went wer wh what whe whee when whi
  which who whom why wi wid width will wim win wind window windy wir wo won woo wood wool wor word
  words work would wr wrap write wul wum wun wur wy x xal xe xel xo xpe xpect xt y ye year yes
  yesterday yil yo yog yom yon yor york you your yus z ze zem zo zoe zu zul zulu zz
`
  .trim()
  .split(/\s+/);
