/** Real words by kind; the parts share none, so that held-out values were never seen. */
export interface WordPool {
  readonly train: readonly string[];
  /** For validation and test; `heldOutPart` says which word is whose. */
  readonly heldOut: readonly string[];
}

/** The words of `pool` that validation or test may use: every third is validation's. */
export function heldOutPart(pool: WordPool, split: "validation" | "test"): readonly string[] {
  return pool.heldOut.filter((_, i) => (i % 3 === 0) === (split === "validation"));
}

const list = (text: string): readonly string[] => text.split(/\s+/).filter((word) => word.length > 0);

export const firstNames: WordPool = {
  train:
    list(`Ana Ben Carla Dmitri Elif Farid Greta Hugo Ines Jonas Kaya Liam Mona Nils Olga Pavel Rosa Sven Tara Uma Amir
    Bella Chen Dora Egon Fiona Gita Hana Ivo Jade Kofi Lena Milo Nora Otto Paula Ravi Sara Tom Vera Wanda Yusuf Zoe Alex
    Britta Clara David Emma Felix Georg Helen Isaac Julia Karl Laura Martin Nadia Oscar Peter Robin Simon Theo Urs Vincent`),
  heldOut:
    list(`Viktor Wendy Xavier Yara Zeno Quinn Marlon Petra Oliver Sophie Leon Maria Daniel Grace Henry Anton Frida Samir
    Bruno Celia Edith Gavin Irene Marta Ramon Stella Tobias Philippa Kerstin Damian`),
};

export const cities: WordPool = {
  train:
    list(`Oslo Lima Cairo Quito Porto Turin Lyon Ghent Bergen Kyoto Osaka Seoul Hanoi Delhi Pune Accra Lagos Tunis Rabat
    Miami Dallas Denver Austin Boston Leeds York Perth Vienna Prague Warsaw Dublin Malmo Basel Geneva Milan Naples Sofia
    Athens Ankara Baku Tbilisi Riga Vilnius Nairobi Kampala Harare Santiago Bogota Caracas Havana`),
  heldOut:
    list(`Hobart Suva Split Zadar Graz Linz Brno Hamburg Bremen Toronto Ottawa Seattle Chicago Madrid Valencia Palermo
    Lisbon Tampere Aarhus Krakow Manila Jakarta Nagoya Durban Dakar`),
};

export const appNames: WordPool = {
  train:
    list(`Photos Camera Notes Mail Maps Browser Terminal Editor Finder Pages Slides Tables Music Chess Wallet Health
    Clock Contacts Podcasts Books Voice Drive Studio Monitor Draw Reader Sketch Player Vault Planner`),
  heldOut: list(
    "Calculator Sudoku Gallery Messenger Solitaire Recorder Scanner Stocks Spotify Firefox Discord Zoom Blender Preview",
  ),
};

export const languages: WordPool = {
  train:
    list(`French Spanish German Italian Greek Turkish Arabic Hindi Korean Thai Dutch Finnish Polish Czech Welsh Latin
    Basque Maltese Swahili Zulu`),
  heldOut: list("Danish Swedish Japanese Russian Hebrew Estonian Catalan Bengali Irish Croatian"),
};

export const rooms: WordPool = {
  train: list(
    "kitchen bedroom hall office bathroom attic basement studio lobby library nursery pantry porch workshop",
  ),
  heldOut: list("garage cellar balcony corridor lounge greenhouse staircase veranda"),
};

export const nouns: WordPool = {
  train:
    list(`report budget garden window silver planet coffee ticket bridge forest candle mirror rocket anchor pepper marble
    saddle walnut milk bread letter paper house water table chair door floor river mountain ocean island summer winter spring
    autumn morning evening dinner lunch breakfast doctor dentist teacher student meeting project invoice contract receipt
    tax bank money market price shop train plane ticket hotel luggage passport car bike bus engine wheel battery cable
    screen keyboard printer server backup password photo picture movie song guitar piano violin drum concert stage theatre
    poem story novel chapter history science physics biology garden flower rose tulip grass tree leaf seed apple orange
    lemon grape cherry banana potato carrot onion tomato cheese butter sugar salt honey soup salad pizza pasta rice fish
    chicken turkey horse sheep goat rabbit mouse tiger lion eagle owl spider stone rock sand dust cloud storm thunder star
    moon sun sky fire smoke ash gold iron steel wood glass plastic leather cotton wool silk shirt jacket coat shoe hat
    glove scarf ring watch key lock box bag basket bottle cup plate spoon knife fork pan oven fridge lamp carpet curtain
    pillow blanket towel soap brush comb medicine vitamin holiday birthday wedding party gift card game puzzle chess ball
    goal race team coach gym yoga march museum castle tower temple church school college office factory farm field`),
  heldOut:
    list(`velvet falcon glacier lantern compass harbor meadow cactus pebble violet copper hamster parrot dolphin
    penguin zebra beetle orchid maple willow bamboo ginger garlic mustard pumpkin spinach mango papaya
    waffle muffin biscuit jazz opera tango trumpet cello banjo ballad anthem pottery origami volcano canyon
    desert lagoon tornado rainbow eclipse comet galaxy dragon wizard pirate knight samurai kimono sandal
    bucket hammer ladder shovel tractor scooter canoe magnet turbine laser diploma lecture seminar thesis
    visa permit voucher refund pension salary auction acorn badger barrel beaver bison bonnet bramble cabin
    cider clover cobra condor coral cricket crystal daisy donkey ferret fiddle finch gecko heron igloo
    ivory jaguar jigsaw kayak kettle ladle laptop lizard lobster locket lotus mallet mantle marina mosaic
    muffler nectar nutmeg otter oyster panda parcel peach pelican pigeon plum puppet quartz quilt raven
    ribbon rudder sable sickle siren squid sultan tarot tiara toffee topaz trident tunnel turnip vase vessel
    walrus whistle yacht`),
};

export const verbs: WordPool = {
  train:
    list(`buy sell bring take clean wash paint fix repair build read write sign print scan pay order return pick visit
    meet feed water cut cook bake carry move check test update renew cancel finish prepare study practice pack wrap post`),
  heldOut: list(
    "collect deliver replace sharpen mow stretch tidy varnish inspect borrow rinse fold mend peel grease soak",
  ),
};

export const adjectives: WordPool = {
  train:
    list(`old new big small red blue green black white warm cold fresh quick slow late early long short loud quiet dark
    bright heavy light clean dirty cheap soft hard round flat empty full broken hidden simple modern ancient sweet bitter`),
  heldOut: list(
    "purple crimson wooden frozen rusty fluffy gentle hollow narrow shiny spicy vintage golden tropical cosmic polar",
  ),
};

/** Every held-out word, lower-case: open values and texts for training must not use them. */
export const heldOutWords: ReadonlySet<string> = new Set(
  [firstNames, cities, appNames, languages, rooms, nouns, verbs, adjectives].flatMap((pool) =>
    pool.heldOut.map((word) => word.toLowerCase()),
  ),
);

/** Words of two pools or of the phrases, which would be odd as parts of made-up words. */
const ambiguousWords: ReadonlySet<string> = new Set(["polish", "iron", "dust", "robot"]);

/** Every word that training may use, lower-case and once. */
export const trainWords: readonly string[] = [
  ...new Set(
    [firstNames, cities, appNames, languages, rooms, nouns, verbs, adjectives].flatMap((pool) =>
      pool.train.map((word) => word.toLowerCase()),
    ),
  ),
].filter((word) => !heldOutWords.has(word) && !ambiguousWords.has(word));

/** What made-up tools do, beside what people do. */
export const toolVerbs: readonly string[] = [
  ...new Set([
    ...verbs.train,
    ...(
      "add adjust begin block bring call change check close collect create delete dial drop enter find get give go heat hide keep " +
      "launch list load locate look lower make mark measure mix move name note open place plan play press pull push put raise rate " +
      "remind remove reserve rotate run save schedule search send set share show sort split start stop store swap switch take tell " +
      "track translate turn use watch weigh write"
    ).split(" "),
  ]),
].filter((word) => !heldOutWords.has(word));

/** Names of the parameters of made-up tools. */
export const parameterNames: readonly string[] = (
  "name title text label place city room color size amount count level number value unit day date time hour minutes seconds " +
  "person to from target source topic query word language kind type mode state width height weight speed price code key path " +
  "folder owner group tag note reason style shape tone"
).split(" ");
