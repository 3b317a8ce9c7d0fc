import { lines } from "./intent.ts";

/** Requests that no tool of the toolbox serves, with the kind replies to them. Slots: `word`, `city`, `person`. */
export interface ControlPhrases {
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
  readonly replies: readonly string[];
}

/** Small talk. */
export const chat: ControlPhrases = {
  train: lines(`
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
    welcome back`),
  heldOut: lines(`
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
    do you think you are a person`),
  replies: [
    "Thanks for telling me. How can I help?",
    "That is kind. I am here to help.",
    "I am here if you need a tool.",
    "Nice to hear. What can I do for you?",
  ],
};

/** Things to do that no tool here can do. */
export const outOfScope: ControlPhrases = {
  train: lines(`
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
    invest in {word}`),
  heldOut: lines(`
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
    take a photo of the {word}`),
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
