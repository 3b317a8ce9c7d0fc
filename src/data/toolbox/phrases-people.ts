import { type Intent, splitPhrases } from "./intent.ts";

/** Intents about people and words: messages, calls, notes and translations. */
export const peopleIntents: readonly Intent[] = [
  {
    tool: "send_message",
    slots: { to: "person", text: "note" },
    requests: splitPhrases({
      train: `
      send {to} a message saying {text}
      send a message to {to} saying {text}
      send a message to {to}: {text}
      send {to} the message {text}
      send {to} a text saying {text}
      send a text to {to}: {text}
      send the text {text} to {to}
      text {to} {text}
      text {to} that {text}
      text {to}: {text}
      text {to} saying {text}
      message {to} {text}
      message {to} that {text}
      message {to}: {text}
      write {to} a message: {text}
      write {to} that {text}
      write to {to}: {text}
      write a text to {to} saying {text}
      tell {to} that {text}
      tell {to} by message: {text}
      let {to} know that {text}
      let {to} know: {text}
      drop {to} a message saying {text}
      i want to text {to} that {text}
      i need to tell {to} that {text}
      shoot {to} a text: {text}
      {to} should know that {text}, send a message`,
      test: `
      write a message to {to} saying {text}
      i want to let {to} know that {text}
      send {to} a text: {text}
      i need to message {to} that {text}
      drop {to} a text saying {text}
      write {to} a text: {text}
      send a text message to {to} saying {text}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        send a message
        send a text
        text {to}
        message {to}
        send a message to {to}
        send {to} a text
        write a message
        i need to send a message
        write to {to}
        write a text to {to}
        i want to message {to}
        i need to text {to}
        send a text message
        send something to {to}
        send a new message
        text someone
          (send|write) (a|the|my|another|a new) (message|text|text message)( to {to}| for me| please| now|)
          (text|message|write to|write|send something to) {to}( please| for me| now| today| again| from me| about it| for my friend|)
          (i need|i want|i have|i would like) to (write|text|send something|send a message|send a text) to {to}( today| now|)
          (text|message|write to) ({to}|someone|him|her|my friend)( please| for me| now|)
          (i need|i want|i would like|i have) to (send|write) (a|another) (message|text)( to {to}|)
          (i need|i want|i have) to (text|message) ({to}|someone)
          send {to} (a message|a text|something)`,
        test: `
        write a text
        i want to send a text
        write a message to {to}`,
      }),
      questions: ["What should the message say, and to whom?", "Who is it for, and what should I write?"],
    },
    leadIns: ["let me send that message", "I will write to them now", "the message goes out now"],
    answers: ["The message was sent at {sent}.", "Done, it went out at {sent}.", "I sent it at {sent}."],
  },
  {
    tool: "make_call",
    slots: { to: "person" },
    requests: splitPhrases({
      train: `
      call {to}
      call {to} on the phone
      give {to} a call
      make a call to {to}
      make a phone call to {to}
      phone {to}
      phone {to} for me
      ring {to}
      ring up {to}
      ring {to} on the phone
      dial {to}
      dial {to} for me
      start a call with {to}
      start a phone call with {to}
      place a call to {to}
      i want to call {to}
      i need to call {to}
      i need to speak to {to} on the phone
      i want to talk to {to} on the phone
      get {to} on the phone
      get {to} on the line
      put me through to {to}
      connect me with {to} by phone
      can i speak to {to} on the phone
      let me talk to {to} on the phone
      call {to} back
      try to call {to}`,
      test: `
      i want to phone {to}
      place a phone call to {to}
      start calling, i need a call with {to}
      i need to ring {to}
      let me speak to {to} on the phone
      i want to make a call to {to}
      connect me with {to} on the phone`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        make a call
        make a phone call
        i need to call someone
        start a call
        place a call
        i want to make a call
        ring someone
        start calling
        i want to call someone
        ring someone for me
        start a phone call
        i need to make a call
        phone someone
        make a call for me
        i need to ring someone
        get me someone on the phone
          (make|start|place|begin) (a|the|another) (call|phone call)( please| for me| now|)
          (call|phone|ring|dial) (someone|him|her|my friend|the number)( please| for me| now|)
          (i need|i want|i have|i would like) to (call|phone|ring) (someone|him|her)( now|)
          (i need|i want|i have|i would like) to make (a|another) (call|phone call)`,
        test: `
        place a phone call
        i need to make a phone call
        call someone`,
      }),
      questions: ["Whom should I call?", "Who do you want to call?"],
    },
    leadIns: ["let me place that call", "I will ring them up now", "the phone is dialing now"],
    answers: ["Calling now on line {line}.", "The call is on line {line}.", "It is ringing on line {line}."],
  },
  {
    tool: "add_note",
    slots: { text: "note" },
    requests: splitPhrases({
      train: `
      note that {text}
      note down {text}
      make a note: {text}
      make a note that {text}
      make a note saying {text}
      take a note: {text}
      take a note that says {text}
      take this note: {text}
      write a note: {text}
      write a note that says {text}
      write down {text}
      write down that {text}
      write this down: {text}
      add a note: {text}
      add a note saying {text}
      add to my notes: {text}
      add {text} to my notes
      put {text} in my notes
      put this in my notes: {text}
      save a note: {text}
      save {text} in my notes
      save this as a note: {text}
      new note: {text}
      create a note saying {text}
      create a new note: {text}
      jot down {text}
      keep a note that says {text}
      i want a note saying {text}`,
      test: `
      create a note that says {text}
      jot this down: {text}
      keep {text} in my notes
      save a note saying {text}
      i want to note down {text}
      take down a note: {text}
      add this to my notes: {text}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        take a note
        make a note
        write a note
        create a note
        add a note
        i want to make a note
        i need a new note
        write something down
        note something down
        put down a note
        make a new note
        i need to write a note
        add something to my notes
        write a new note
        keep a note
        start a note
          (take|make|write|create|add|start|keep|save) (a|the|another|a new|one more) note( please| for me| now| in my notes|)
          (i need|i want|i would like) to (take|make|write|keep|save) (a|another|a new) note
          (write|note|put|jot) (something|it|this|that) down( please| for me|)
          (i need|i want) (a|another|a new) note
          add something to (my|the) notes`,
        test: `
        save a note
        create a new note
        i want to take a note`,
      }),
      questions: ["What should the note say?", "What should I write down?"],
    },
    leadIns: ["let me write that down", "I will save it as a note", "the note is being saved"],
    answers: ["Your note is number {note}.", "Done, that is note {note}.", "Saved as note {note}."],
  },
  {
    tool: "translate_text",
    slots: { text: "title", language: "language" },
    requests: splitPhrases({
      train: `
      translate {text} to {language}
      translate {text} into {language}
      translate the words {text} into {language}
      translate the text {text} to {language}
      translate into {language}: {text}
      translate to {language}: {text}
      translate this into {language}: {text}
      give me {text} in {language}
      give me the {language} translation of {text}
      give me the {language} words for {text}
      what is {text} in {language}
      what is the {language} word for {text}
      what is the {language} translation of {text}
      how do you say {text} in {language}
      how do i say {text} in {language}
      how would you say {text} in {language}
      how is {text} said in {language}
      say {text} in {language}
      i need {text} in {language}
      i need a {language} translation of {text}
      i want to say {text} in {language}
      put {text} into {language}
      turn {text} into {language}
      the {language} word for {text}
      i need the {language} words for {text}
      show me {text} in {language}`,
      test: `
      i need to say {text} in {language}
      give me the {language} word for {text}
      how do you translate {text} into {language}
      what is the {language} for {text}
      i want a {language} translation of {text}
      translate this text to {language}: {text}
      show me the {language} words for {text}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        translate something
        translate {text}
        translate the word {text}
        i need a translation
        translate a text
        translate into {language}
        give me a translation
        translate this for me
        translate the word {text} for me
        i need to translate something
        say something in {language}
        translate it
        translate to {language}
        i want to translate {text}
        do a translation
        i need {text} translated
          translate (something|this|it|that|a word|a text|a sentence|the text)( please| for me| into {language}| to {language}|)
          (translate|say) (the word|the words|the sentence|this word|my text) {text}( for me| please| now| for my friend| in another language|)
          (how do i|how do you|how can i) (say|write) {text}( in another language| abroad|)
          (i need|i want|i would like|i have) (the word|the words|the text|the sentence) {text} translated( for me| please|)
          (i need|i want|i would like) (a|the) translation of {text}( please| for me|)
          what is (the word |the translation of |){text} in (another|a different|the other) language
          {text}, (translate it|translate that|translate it for me)
          translate (the word |)(the text |){text}( please| for me|)
          (i need|i want|i would like) (a translation|to translate something|to translate a text)( into {language}| please|)
          (i need|i want) {text} translated
          (say|write) (something|it|this) in {language}
          (do|make|give me) a translation( into {language}| please| for me|)`,
        test: `
        i want a translation
        translate the text {text}
        translate something for me`,
      }),
      questions: [
        "Which text should I translate, and into which language?",
        "What should I translate, and to which language?",
      ],
    },
    leadIns: ["let me translate that now", "I will look up the words", "the translation comes now"],
    answers: [
      "It translates to {result}.",
      "In that language it is {result}.",
      "The translation is {result}.",
    ],
  },
];
