import { type Phrases, splitPhrases } from "./intent.ts";

/** Requests that no tool of the toolbox serves, with the kind replies to them. Slots: `word`, `city`, `person`. */
export interface ControlPhrases {
  readonly requests: Phrases;
  readonly replies: readonly string[];
}

/** Small talk. */
export const chat: ControlPhrases = {
  requests: splitPhrases({
    train: `
    hello
    hello there
    hello, how are you
    hi
    hi, how are you
    hey there
    good morning
    good evening
    good night
    how are you
    how are you today
    how do you feel today
    how was your day
    who are you
    what are you
    what is your name
    do you have a name
    are you a robot
    are you a person
    can you think
    do you like {word}
    do you like the color of {word}
    i like {word}
    i love {word} so much
    i do not like {word}
    i am tired
    i am happy today
    i feel tired today
    i feel great today
    i am from {city}
    i used to live in {city}
    my friend {person} is very kind
    my friend {person} lives in {city}
    {person} is my best friend
    that was nice
    that was very funny
    that is great
    you are funny
    you are very kind
    you are a great help
    thanks
    thanks a lot
    thank you very much
    thank you, that is all
    tell me a joke
    tell me something funny
    do you know a joke
    what do you think about {word}
    what is your favorite color
    what is your favorite {word}
    see you later
    see you tomorrow
    goodbye
    never mind
    ok, that is fine
    i had a long day
    i just came back from {city}
    my day was great
    my favorite animal is the {word}
    my favorite food is soup
    my favorite season is summer
    my favorite book is about {word}
    i live near {city}
    i live with {person}
    i grew up in {city}
    i work in {city}
    i was in {city} last week
    i will visit {city} one day
    i have a {word} at home
    i have two cats
    my sister is called {person}
    my brother {person} is funny
    {person} told me a story
    {person} is a good cook
    {person} and i are friends
    i think {word} is beautiful
    i think you are smart
    do you sleep
    do you dream
    do you like music
    do you like {city}
    can you sing
    are you tired
    are you there
    are you busy
    how old are you
    where do you come from
    where do you live
    what can you do
    what do you do all day
    what makes you happy
    why is the sky blue
    is {word} a nice word
    i am hungry
    i am bored
    i am a little sad
    i am glad that you are here
    it was a long week
    it is late
    the food was good
    the trip to {city} was nice
    well done
    good job
    sounds good
    no, thanks
    yes, that is right
    have a nice day
    have a good weekend
    i will talk to you later
    let us talk
    you made me laugh
    that is a good idea
    welcome back
    (hello|hi|hey|good morning|good evening|good afternoon)( there| again|)( my friend|, how are you|, how was your day|, nice to see you|, i am back|)
    (how are you|how do you feel|how was your day|how is life|how is it going)( today| my friend|)
    (i am|i feel|we are|i was) (tired|happy|sad|bored|hungry|fine|great|sick|busy|thirsty|cold|late|ready|proud|glad)( today| now| again|, thanks|)
    (are you|why are you) (tired|happy|sad|bored|busy|there|real|a robot|a person|smart|alive|funny|kind)( today| now|)
    (do you|can you|do you want to) (think|sleep|dream|sing|laugh|dance|eat|swim|read|cook|cry|smile)( at night| a lot| well|)
    (do you|would you) (like|love|hate|enjoy) ({word}|music|animals|the summer|the color of {word}|people|{city}|my friend {person})
    (i|we|my friends|my parents) (like|love|hate|enjoy|miss|want) ({word}|the color of {word}|music|the summer|animals|{city})( a lot| so much| very much|)
    what (do you think about|do you know about|do you like about|is so nice about) ({word}|{city}|people|music|the summer)
    (my|your) favorite (color|food|animal|season|book|city|song|movie|day|game) is {word}
    what is your (name|age|favorite color|favorite food|favorite animal|favorite book|favorite city|favorite {word}|job|dream)
    (my|our) (friend|sister|brother|boss|uncle|mother|father|best friend|dog|cat) is (called {person}|{person}|very kind|very funny|tired|happy|from {city}|in {city}|my best friend)
    (well|look|oh|you know), {person} (is|was) (nice|funny|very funny|kind|so late|here|great|a bit sad)
    (my|our) {word} (is|was) (very nice|broken|great|gone|too old|so small)
    {person} (is|was) (my friend|my best friend|at home|very kind|very funny|late today|in {city}|tired|happy|a good cook|so nice|my sister|from {city})
    my (friend|sister|brother|boss|uncle|cat|dog) {person} (is|was) (very kind|very funny|happy|tired|in {city}|at home|so nice)
    (i|we|my friends|my parents) (live in|work in|come from|grew up in|were in|moved to|love|left) {city}( now| last year|)
    (thanks|thank you|many thanks)( so much| a lot| very much| again| my friend|)(, you are kind|, that was great|, that is all|, good night|, see you|)
    (that|this|it) (is|was) (great|nice|funny|good|very kind|a good idea|very funny|so sad|wonderful|all|enough|interesting)( today| of you|, thanks| again|)
    (tell me|do you know|i know|i like) (a joke|a story|something funny|something nice|a secret|a good joke)( about {word}| about {city}|)
    (good|nice|great) (job|work|idea|answer|night|to know|to hear|to see you|morning|evening)( my friend| to you|)
    (i|we) used to (live|work|sing|laugh|dance) (in {city}|with {person})
    what makes (you|me|people|{person}) (happy|sad|laugh|smile|tired)
    (see you|talk to you|goodbye, until|bye, see you) (later|tomorrow|soon|next week|again)
    (i had|we had|it was|that was) a (long|good|nice|bad|great|hard|strange) (day|week|trip|night|morning|year)( in {city}| with {person}|)
    (you are|you sound|you seem|i think you are) (funny|kind|smart|great|nice|tired|a good friend|very helpful|wonderful|a person|a robot)( today|)
    (good night|goodbye|bye|never mind|no, thanks|ok, that is fine)(, i am tired|, see you|, thank you| my friend|, {person}|)`,
    test: `
    hi there, how was your day
    hello, good morning
    are you happy today
    do you know something funny
    i love the color of {word}
    what do you like
    thank you, you are very kind
    my best friend is {person}
    {person} is very funny
    i am tired, good night
    my favorite color is {word}
    i live in {city}
    that was great, thanks a lot
    do you think you are a person`,
  }),
  replies: [
    "Thanks for telling me. How can I help?",
    "That is kind. I am here to help.",
    "I am here if you need a tool.",
    "Nice to hear. What can I do for you?",
  ],
};

/** Things to do that no tool here can do. */
export const outOfScope: ControlPhrases = {
  requests: splitPhrases({
    train: `
    order a pizza
    order a pizza with {word}
    order {word} for dinner
    order a taxi
    order a taxi to {city}
    book a flight to {city}
    book a hotel in {city}
    buy a ticket to {city}
    buy me {word}
    buy me a new {word}
    pay my bill
    pay the bill for {word}
    pay {person} ten euros
    transfer money to {person}
    send money to {person}
    wash the car
    wash my {word}
    clean the house
    clean my {word}
    bake a cake
    bake a cake for {person}
    cook dinner
    cook {word} for me
    repair my {word}
    repair the car
    fix my bike
    fix the {word}
    print my ticket
    print the page
    print ten copies of it
    water the plants
    water my {word}
    feed the cat
    feed the dog
    walk the dog
    drive me to {city}
    drive me home
    lock the front door
    close the window
    open the front door
    start the dishwasher
    start the washing machine
    paint a picture of {word}
    paint the wall {word}
    draw a picture of {word}
    make me a coffee
    make me a sandwich with {word}
    build a house
    delete my account
    charge my phone
    record a video of {person}
    take a photo of {person}
    sell my {word}
    sell the car
    pay for {word}
    pay for the taxi
    pay for dinner in {city}
    pay for the ticket to {city}
    pay the rent
    pay {person} back
    rent a car in {city}
    rent a flat in {city}
    rent a bike
    book a table for two
    book a table in {city}
    book a train to {city}
    reserve a seat to {city}
    reserve a table for {person}
    buy a gift for {person}
    buy some bread
    buy two tickets
    order flowers for {person}
    order a new {word}
    order soup
    cancel my order
    cancel my flight to {city}
    return the {word} to the shop
    ship this to {city}
    pick up {person} at the station
    take me to {city}
    take {person} home
    park the car
    fill the car with gas
    clean the kitchen
    clean the windows
    sweep the floor
    wash the dishes
    iron my shirt
    cook soup for two
    cook rice with {word}
    boil an egg
    grill some fish
    bake bread
    bake a pie with {word}
    fix the printer
    fix my phone
    fix the sink
    repair the roof
    repair {word} for {person}
    paint the fence
    paint the kitchen
    draw a map of {city}
    write a poem about {word}
    knit a scarf for {person}
    cut the grass
    plant a tree
    feed the birds
    feed the fish
    brush the dog
    open the window
    lock the car
    unlock the door
    start the engine
    turn the key
    empty the bin
    carry the {word} upstairs
    move the sofa
    hang the picture of {person}
    measure the wall
    scan my passport
    sign the contract for {person}
    vote for {person}
    take a picture of the {word}
    film the party
    lend {person} ten euros
    withdraw some money
    invest in {word}
    (order|buy|get me|get|pick up) (a pizza|a burger|a coffee|a cake|some bread|two tickets|flowers|soup|a taxi|a new car|a sandwich|a {word}|a new {word}|some {word}|a {word} cake)( for {person}| for dinner| with {word}| in {city}| to go|)
    (order|buy) {person} (a pizza|a burger|a coffee|a cake|flowers|a book|a new {word}|some {word})
    (book|reserve|cancel) (a flight|a hotel|a table|a taxi|a train|a seat|a room|a ticket|a bus|my flight|my ticket)( to {city}| in {city}| for {person}| for two|)
    (pay|pay for) (my bill|the bill|the rent|the taxi|the hotel|the ticket|dinner|the {word}|my {word}|the food|the train)( in {city}| to {city}| for {person}| with my card|)
    (pay|transfer|send|lend|give) (money|ten euros|the money|some money) (to|back to|over to) {person}
    (pay|lend|give|owe) {person} (ten euros|the money|some money|back)
    (clean|wash|sweep) (the car|my car|the house|the kitchen|the windows|the floor|my shirt|the dishes|the bath|my {word}|the {word}|the stairs)( for me| for {person}|)
    (cook|bake|make|fry|boil) (dinner|lunch|a cake|some rice|soup|an egg|bread|a pie|some fish|a {word} pie|a {word} cake|{word}|me a cake|me a coffee|me a sandwich|me a {word} pie)( for {person}| for two| with {word}| for me|)
    (fix|repair|build|sell|polish|carry|move) (my bike|the car|my phone|the printer|the sink|the roof|the dishwasher|the washing machine|the door|the {word}|my {word}|a house|the sofa|the fence|the window)( for {person}| for me| upstairs|)
    (feed|walk|brush|wash|find) (the cat|the dog|my dog|my cat|the fish|the birds|the horse|my {word})( for me| for {person}|)
    (drive|take|bring|fly|carry) (me|{person}|us|the dog|my {word}) (home|to {city}|to the station|to the shop|to work)
    (drive|take|bring|fly|carry|walk) (my friend|my sister|the guests|the boxes|the letter|{person} and me) (home|to {city}|to the station|to the {word}|there)
    (drive|walk|bike|fly|ride) {person} (to the shop|to the {word}|to school|to {city} and back|back home)
    (drive|park|wash|lock|unlock|start|rent|charge) (the car|my car|a car|the bus|the bike)( in {city}| for me|)
    (open|close|lock|unlock|shut) (the|my) (door|front door|window|windows|car|box|gate)( for {person}| please| now|)
    (paint|draw|film|frame) (a picture|a map|a portrait|a video) of (a |the |){word}
    (paint|draw|film|frame) (a picture|a map|a portrait|a video) of ({person}|{city}|my {word})
    (take|make|print|frame) (a photo|a picture|a video|two photos|a film) of (the {word}|my {word}|{person}|{city}|us|me)
    (print|scan|copy|sign) (the page|my ticket|my passport|the contract|the {word}|ten copies|this|the letter)( for {person}| for me|)
    (paint|build|move|hang) (the wall|the fence|the kitchen|the shelf|a wall|a shelf)( {word}| for {person}|)
    (water|cut|plant|grow) (the plants|the grass|a tree|the flowers|my {word}|some {word})( for me| for {person}|)
    (vote for|sign for|stand in for|fight) {person}
    (start|stop|empty|fill|load) (the dishwasher|the washing machine|the engine|the bath|the bin|the oven|the car)( for me| now|)
    (invest in|trade|sell|buy) ({word}|my {word}|some shares|the house|gold)
    (write|sing|read) (me |)(a poem|a song|a story|a book) (about {word}|about {city}|for {person})
    (ship|return|mail) (this|the {word}|my {word}|the box|the order) (to {city}|to the shop|to {person}|back)`,
    test: `
    order a coffee with {word}
    book a taxi to {city}
    buy {person} a cake
    pay for the hotel in {city}
    fix the washing machine
    clean the car
    cook dinner for {person}
    feed my {word}
    drive {person} to {city}
    close the front door
    paint a picture of {person}
    bake me a {word} cake
    repair the dishwasher
    take a photo of the {word}`,
  }),
  replies: [
    "Sorry, none of my tools can do that.",
    "I cannot do that with my tools.",
    "That is beyond my tools, sorry.",
    "Sorry, I have no tool for that.",
  ],
};

/** Replies where a tool of the toolbox would serve but is not offered. */
export const notOfferedReplies: readonly string[] = [
  "Sorry, I have no tool for that here.",
  "I cannot do that with the tools I have.",
  "That tool is not here, sorry.",
  "Sorry, none of my tools can do that.",
];
