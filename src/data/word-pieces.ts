/**
 * The letter pieces of the shipped vocabulary (assets/tokenizer). Made-up words are put together
 * from them, so that every piece comes to stand inside a value. The vocabulary was trained before this list was read
 * from it: training a new one gives other pieces, and this list then follows it.
 */
export const wordPieces: readonly string[] = `
  a ab abl able about aby ac account accr ace ach ack ad add ade adjust ady af after ag age agle ai
  ain ak aka ake al alarm album ald ale alex alk all aln also alt alth aly am ame ami amir amo amount
  amp an ana anc anch anci and ang ange ank ano ant ap ape app appl appy ar ara arab arch ard are argu
  ark arl arly arm arn art ary as ash aso ass ast at ate ater ath athe athen ather ation att atur aty
  au aus aust aut av ave aw away ax ay az b ba bac back bag bak bake baku bal ball ban bank bar bas
  base bat bath be bed beep before begin being bel ben ber best bey beyond bi big bike bil bili bill
  biol bir bit bl bla black blan ble blem bli blin blo block blu blue bo bogot book bot both bott box
  br bra brar bre bri brid brin bring bro brow browse brush bry bu bud build bum bus but buy by bye c
  ca cake cal calculate calendar call called calling cam came can cancel cand cannot car card carr
  carry cas cast ce cel celsi celsius cen cent cer cert certain ch cha chai change changed changes
  chap char che cheap check chee chen cher chic cho chur ci cie cim city ck cl cla clar cle clean cli
  clo clock close clou cloudy co coa coat code coff coffee col cold colle color com comb come comes
  coming con conne connect cont conv conversi convert cook cooking copies copy cot could count
  countdown cour course cr cre create cri cro ct cu cul culate cup cur cut cze czech d da dal dall dar
  dark date day dd de degrees del delete den dent der di dial dialing din dir dirty dish do doc docu
  document documents don done doo door dor dow down dr draw dre dri drive dro drop dru drum ds du dust
  dut dy e ea ech echo ed edule edy ee eed eg egg eggs ei ek el eld eli ell em emp en end ends eng enk
  ent enter entry ep epp er erd ere erk ern ersi ert ery es esday esh ess est et eu euros eve even
  event ex expect express ey f fa fac fah fahren far farm favor favorite fe fee feed feel fel feli fer
  ff fi field file files fin find fine finish finn fion fir fire fish fix fl fla flat fle flight flim
  flin flo floo fo fog foggy fold folder folders for fore forecast forget fork found fr fre fren fresh
  fri frid friday friend fro from front ft fu ful full fun funny fy g ga gal gam game gar ge gel gen
  gene ger get gh ghe gi gift gim gin git give gl gla glad gladly glas gle glo go goa goal goat goes
  gold gon good goodbye goog google got gr gra gram grass gre great gree greek green grees gri gro
  group gu guage gue guit gy gym h ha hal hall ham han hap happy har hard hat hav have he hear heat
  heav heavy hee height heit hel hello help hem hen her here hey hi hich hid hide hil hin hind hir ho
  hol hom home hon hoo hor hot hote hotel hou hour house how hu hugo hul hun hur hy i ia ial ib ic ica
  ication ice ich ick id idy ie ies iet ig igh ight iing ik il ild ile ilk ill ily im image imp in ind
  ine ines iness ing ink int inter internet ion ip ipp ir ird irk irn iro iron irt iry is isa ish isl
  iss ist it ita ital itch ite ith ito itt ity iv ive ivo ix iz j ja jac jade jam je jo joke jom jon
  jul just k ka kam kamp kan kar karl kay kaya ke keep kem ken ker ket key kg kind kindly kit kl kle
  klo km kn kna knar kne kni kno know ko kof kol kor kore ky kyo l la label lago lal lam lamp lan
  language lar lat late later lau launch laur laura lb ld le lea leaf lease led lee leed left lel lem
  lemo len lena lend lendar ler let lete level li liam lie ligh light lights like lil lim lin line
  lion lir list listen live lives lk ll lla lld llo lo load lob loc locate lock lol lom lon long loo
  look looks lor lou loud loudness love lower lu lue lug lugg lun lunch ly m ma mach mai mak make
  makes mal man many map maps mar mark mart me mean meas measure medi mee meet mel men ment ments mer
  mes mess message mi mil milan milk milo mim min mind minute minutes mir mit mix mo mod mode moder
  mon monday money moo moon mor morning mou mov move mp mu much mul mum mun mur muse music must my n
  na nadi nai nal nam name nd ne need needs nel nem ner nesday ness net never new ng ni nice night nil
  nim nin ning nir nk no nol non none nor not note notes now nt ntt nty num number nur ny o oa ob oc
  oce ock od of off offi og oi ok okay ol old olg oll olle om omp on ond one oney ong oni onk online
  ont oo ood ook op open opened ople or ora ord order ore org ork orn orry ort ory os osl oslo ost ot
  ott otto ou oud oul ould oun ound ount oup our out oux ov ove oven over ow owl owner oz p pa pac
  pack page pages pai paint pal pam pan pant pap paper par pas passed path pau paul pay pd pdf pe peat
  pem pen people pep per percent person pet ph phe pho phone phot photo phy pi pic pick pictu pies pil
  pill pizz pl pla place plan plane plant plants plate play playing ple please plo plul po pod pom por
  port post pot pp pr pra prac practi pre prep pres press pri price prin print pro problem program pu
  pull pun pune push put puzz py q qu que query qui quick quie quito quo r ra rab rac race rai rain
  raining rainy raise ral ram ran rar rate rd re rea read reas reason rec rece record red ree rel rem
  remind reminded reminder remove ren renew rep repa repair repeat rer res reserve result results ri
  ric rice rig right ril rim rin ring ringing rings rir rite rive rk rn ro rob roc rock rol rom ron
  roo room ror ros rose rot rotate rou rough row ru rue rul rum run running runs rur ry s sa sadd said
  sal salad san sand sandwich sant sar satur saturday save saved saw say saying says sc sca scan scar
  sce sch schedule sci sco scre se search secon seconds sed see seed sel sell sem sen send sent ser
  serve set sh shape share she shi sho shoe shoo shoot shop shor should show si sic sig sign sil silk
  sim size sk ske sket sky sl slan sle sli slo slow sm sme smi smo sn sna sne sno snow snowy so soap
  sof sol som some someone something son song songs sor sorry sort sou sound soup sour source sp spa
  span spe speak speed spi spid spo ss st sta stage stand star start starting starts state ste stee
  ster sterday sti sto ston stone stop stor store story str stre strom stu stud study stum sty style
  su such sug sum sun sunday sunny sure sven sw swa swap swe switch switched switches swo t ta table
  tag take tal talk tar tara target tax taxi te tea team tel tell telling tem temp ten ter tes test
  text th tha thai thank thanks that the there thing think tho through thu thun thurs thursday ti tic
  tim time timer tion tir tired title tle to today tom tomor tomorrow ton tone tool tools topic tor
  total tow towe tr track trai train tram tran trans transl translate tre tree tro try tt tu tuesday
  tul tun tur turk turn tw twa twe two ty type u ud ue ues uf ug ul uld ule ull ult uly um uma umbre
  umbrella ume umn ump umx un unch und under ung unit units unk unt up upd update ur urd ure urk urn
  urs ury us use used ush using ust ut ute v va val value vau ve vel ven vent ver vera very vi vid
  vide video vie vien vil vim vin viol vis visi visit vit vo voi voic vol volume vom vor vy w wa wake
  wal walk wall waln wam wan wand want war warm was wash washing wat watch water way we weather web
  wed wednesday weigh weight wel well welsh wem wen went wer wh what whe whee wheel whem when where
  whi which white who whom wi wich wid width wil will wim win wind window windy wir wo wom woo wood
  wool wor word words work would wr wrap write wu wul wum wur wy x xe xel xem xo xpe xpect xt y ye yel
  yes yesterday yo yog yon yor york you your yus z ze zem zir zo zoe zor zu zul zulu zz
`
  .trim()
  .split(/\s+/);
