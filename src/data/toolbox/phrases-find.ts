import { type Intent, splitPhrases } from "./intent.ts";

/** Intents about finding things out: weather, files, the web and units. */
export const findIntents: readonly Intent[] = [
  {
    tool: "get_weather",
    slots: { city: "city", day: "nearDay" },
    requests: splitPhrases({
      train: `
      what is the weather in {city}
      what's the weather like in {city}
      what is the weather in {city} {day}
      what will the weather be in {city} {day}
      how is the weather in {city}
      how is the weather in {city} {day}
      how warm is it in {city}
      how cold is it in {city} {day}
      how hot will it be in {city} {day}
      is it raining in {city}
      is it cold in {city} {day}
      is it sunny in {city}
      will it rain in {city} {day}
      will it snow in {city} {day}
      will it be sunny in {city} {day}
      do i need an umbrella in {city} {day}
      weather in {city}
      weather for {city} {day}
      weather forecast for {city}
      give me the weather for {city}
      give me the forecast for {city} {day}
      show me the weather in {city}
      check the weather in {city} {day}
      check the forecast for {city}
      tell me the weather in {city}
      i want to know the weather in {city} {day}
      forecast for {city} {day}`,
      test: `
      show me the forecast for {city} {day}
      will the weather be sunny in {city} {day}
      how is the forecast for {city}
      will it be cold in {city} {day}
      i want to know how warm it is in {city}
      give me the weather forecast for {city} {day}
      do i need an umbrella for the rain in {city}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        what is the weather
        how is the weather
        what's the weather like
        check the weather
        give me the forecast
        will it rain
        show me the weather forecast
        what will the weather be {day}
        what is the weather {day}
        will it snow
        will it be warm
        is it cold
        check the weather {day}
        show me the weather
        will it rain {day}
        how warm is it
        what is the forecast
        how is the weather now
        is it going to snow {day}
          (what is|how is|check|show me|tell me|give me|look up|find) the (weather|forecast|weather forecast)( {day}| now| please| outside|)
          (will|is) it (rain|snow|be warm|be cold|be sunny)( {day}| outside|)
          is it (warm|cold|hot)( {day}| outside| now|)
          how (warm|cold|hot) is it( {day}| outside| now|)
          (what will|how will) the weather be( {day}|)
          do i need (a coat|a hat|an umbrella)( {day}|)`,
        test: `
        how is the weather {day}
        give me the weather forecast
        will it be cold`,
      }),
      questions: ["For which city?", "Which city do you mean?"],
    },
    leadIns: ["let me check the weather", "I will look at the forecast", "the weather comes right up"],
    answers: [
      "It is {sky} with {degrees} degrees.",
      "The sky is {sky}, {degrees} degrees.",
      "Expect {degrees} degrees, {sky}.",
    ],
  },
  {
    tool: "search_files",
    slots: { query: "topic", kind: "fileKind" },
    requests: splitPhrases({
      train: `
      find my files about {query}
      find the file called {query}
      find the {kind} file about {query}
      find the {kind} called {query}
      find {kind} files about {query}
      find my {kind} files about {query}
      search my files for {query}
      search files for {query}
      search the folder for {query}
      search my documents for {query}
      search for the file {query}
      search my {kind} files for {query}
      look for {query} in my files
      look for the file {query}
      look in my documents for {query}
      look through my files for {query}
      where is the file called {query}
      where is my file about {query}
      where is the {kind} file about {query}
      where did i save the file {query}
      i need the file about {query}
      i need my {kind} file called {query}
      i cannot find the file {query}
      show me files about {query}
      show me my {kind} files about {query}
      locate the file {query}
      locate documents about {query}
      get me the document about {query}`,
      test: `
      look for documents about {query}
      search my documents for a file called {query}
      where is my {kind} file called {query}
      i need to find the file {query}
      locate my {kind} files about {query}
      look through my documents for {query}
      show me the file called {query}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        find a file
        search my files
        search my documents
        find my document
        look for a file
        i need a file
        find a file for me
        look through my files
        i am looking for a file
        search for a document
        find a document for me
        look for my document
        i need to find a document
        find something in my files
        locate a file
        i want to find a file
          (find|search for|look for|locate|get|i need|i want) (a|the|my|some|that) (file|document)( please| for me| now|)
          (search|look through|look in|go through) (my|the|all) (files|documents|folder)( please| for me|)
          (i need|i want|i have|i am trying) to (find|search|locate|look for) (a|the|my) (file|document)
          i am looking for (a|the|my) (file|document)
          find something in (my|the) (files|documents|folder)`,
        test: `
        search for a file
        i need to find a file
        look through my documents`,
      }),
      questions: ["Which file are you looking for?", "What should I look for in your files?"],
    },
    leadIns: ["let me look in your files", "I will search the folders", "the search is running now"],
    answers: ["I found {found} files.", "There are {found} files.", "The search found {found} files."],
  },
  {
    tool: "web_search",
    slots: { query: "topic" },
    requests: splitPhrases({
      train: `
      search the web for {query}
      search the internet for {query}
      search online for {query}
      do a web search for {query}
      run a web search for {query}
      run a search on the web about {query}
      start an internet search for {query}
      look up {query} online
      look up {query} on the web
      look up {query} on the internet
      look online for {query}
      look on the web for {query}
      google {query}
      google {query} for me
      find {query} on the web
      find {query} online
      find out about {query} online
      find web pages about {query}
      find out on the internet about {query}
      what does the web say about {query}
      what does the internet say about {query}
      what can you find online about {query}
      check the web for {query}
      check online for {query}
      browse the web for {query}
      get me web results for {query}
      i want to read about {query} on the web
      show me web pages about {query}`,
      test: `
      do an internet search for {query}
      look up {query} on the web pages
      find out about {query} on the web
      what can you find on the internet about {query}
      check the internet for {query}
      run an online search for {query}
      show me web results for {query}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        search the web
        do a web search
        search the internet
        look something up online
        look it up on the web
        run a web search
        google something
        search online
        do a search on the web
        look something up
        search something online
        look up something on the web
        i need to search the web
        run a search online
        find something on the internet
        check something online
          (search|google|look up|find|check) something (online|on the web|on the internet)( please| for me|)
          (search|check) (the web|the internet|online)( please| for me| now|)
          (do|run|start|make) (a|an|another) (web search|search online|internet search|search on the web|search on the internet|online search)( please| for me|)
          look (something|it|this|that) up( online| on the web| on the internet|)( please| for me|)
          (i need|i want|i would like) to (search|look something up|find something|google something) (online|on the web|on the internet)`,
        test: `
        do an internet search
        look something up on the internet
        run an online search`,
      }),
      questions: ["What should I search for?", "What do you want to look up?"],
    },
    leadIns: ["let me search the web", "I will look that up online", "the web search starts now"],
    answers: [
      "The web has {results} results.",
      "I got {results} results.",
      "There are {results} results online.",
    ],
  },
  {
    tool: "convert_units",
    slots: { value: "amount", from: "unit", to: "unit" },
    requests: splitPhrases({
      train: `
      convert {value} {from} to {to}
      convert {value} {from} into {to}
      convert {value} {from} to {to} for me
      change {value} {from} to {to}
      change {value} {from} into {to}
      turn {value} {from} into {to}
      how much is {value} {from} in {to}
      how many {to} are {value} {from}
      how many {to} are in {value} {from}
      how many {to} is {value} {from}
      what is {value} {from} in {to}
      what are {value} {from} in {to}
      what would {value} {from} be in {to}
      {value} {from} to {to}
      {value} {from} in {to}
      {value} {from} as {to}
      give me {value} {from} in {to}
      give me {value} {from} as {to}
      express {value} {from} in {to}
      express {value} {from} as {to}
      calculate {value} {from} in {to}
      work out {value} {from} in {to}
      i have {value} {from}, how many {to} is that
      i have {value} {from}, convert it to {to}
      i need {value} {from} in {to}
      show me {value} {from} in {to}`,
      test: `
      how much would {value} {from} be in {to}
      calculate how many {to} are in {value} {from}
      i need to convert {value} {from} to {to}
      work out how many {to} {value} {from} is
      show {value} {from} as {to}
      i have {value} {from}, what is that in {to}
      express {value} {from} in {to} for me`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        convert {value} {from}
        convert units
        convert something for me
        i need to convert {value} {from}
        change {value} {from}
        do a unit conversion
        convert to {to}
        i need a conversion
        i want to convert {value} {from}
        turn {value} {from} into something else
        convert a number for me
        i want a unit conversion
        convert it to {to}
        change units for me
        i need {value} {from} in other units
        convert something to {to}
          (convert|change|turn|express|calculate) (the |these |my |about |exactly |){value} {from}( for me| please| now| for my friend| for the report|)
          (i have|it is|i bought|i measured|there are|i got) {value} {from}, (convert it|convert that|change the unit|convert this for me|change it)
          (how much|what) (is|are) {value} {from}( converted| in another unit| in other units|)
          (i need|i want|i have|i would like) (the |my |these |){value} {from} (converted|changed)( for me| please|)
          (can i have|give me|show me) {value} {from} (in other units|in another unit|converted)
          {value} {from}, (convert it|convert it for me|convert that|in another unit)
          (convert|change|turn) {value} {from}( please| for me| into something else| to another unit|)
          (convert|change) (something|it|this|a number|a value|units)( to {to}| into {to}| please| for me|)
          (i need|i want|i would like) to (convert|change) ({value} {from}|something|a value|units)( please|)
          (do|make|run|give me) (a|another|the) (conversion|unit conversion)( please| to {to}| for me|)
          (i need|i want) (a|another) (conversion|unit conversion)
          (i need|i want) {value} {from} in (another unit|other units|something else)`,
        test: `
        i need to convert something
        convert {value} {from} for me
        do a conversion`,
      }),
      questions: ["What should I convert, and to which unit?", "Which value, and to which unit?"],
    },
    leadIns: ["let me work that out", "I will convert the units", "the conversion comes now"],
    answers: ["That makes {result}.", "The result is {result}.", "It is {result}."],
  },
];
