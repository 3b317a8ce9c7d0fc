import { type Intent, splitPhrases } from "./intent.ts";

/** Intents about the device and the home: music, apps, volume and lights. */
export const deviceIntents: readonly Intent[] = [
  {
    tool: "play_music",
    slots: { query: "topic" },
    requests: splitPhrases({
      train: `
      play {query}
      play the song {query}
      play music by {query}
      play some music by {query}
      play the album {query}
      play songs by {query}
      play me the song {query}
      play a song called {query}
      play the track {query}
      put on the song {query}
      put on some music by {query}
      put on the album {query}
      start the song {query}
      start the album {query}
      start playing {query}
      start playing music by {query}
      i want to hear {query}
      i want to hear music by {query}
      i would like to hear the song {query}
      i want to listen to {query}
      i would like to listen to the album {query}
      let me hear the song {query}
      let me listen to music by {query}
      let us listen to {query}
      music by {query}
      give me some music by {query}
      turn on the song {query}`,
      test: `
      let me hear music by {query}
      i want to hear the album {query}
      put on the track {query}
      start playing the song {query}
      i would like to listen to {query}
      play me some music by {query}
      let me listen to the song {query}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        play a song
        play something
        play an album
        put on a song
        start a song
        play a track
        i want to hear a song
        let me hear a song
        play an album for me
        play a song for me
        put on a track
        start an album
        i want a song
        let me hear something
        i would like to hear an album
        put a song on
          (play|start|put on|let me hear|find|give me) (a|the|another|some|that|one more) (song|track|album|music)( please| for me| now|)
          (play|put on) (something|it|music|anything)( please| for me| now| nice|)
          (i want|i would like|i need) to hear (a song|a track|an album|something|music)
          (i want|i would like|i need) (a|another|some) (song|track|album|music)( now|)`,
        test: `
        put on an album
        i want to hear something
        start a track`,
      }),
      questions: ["What would you like to hear?", "Which song or artist?"],
    },
    leadIns: ["let me put that on", "I will play it now", "the music starts now"],
    answers: ["Playing track {track} now.", "Track {track} is on.", "You hear track {track}."],
  },
  {
    tool: "open_app",
    slots: { name: "app" },
    requests: splitPhrases({
      train: `
      open {name}
      open the app {name}
      open the {name} app
      open the application {name}
      open up {name}
      open up the {name} app
      open my {name} app
      launch {name}
      launch the app {name}
      launch the {name} app
      launch the {name} application
      start the app {name}
      start the {name} app
      start the application {name}
      start up {name}
      run the app {name}
      run the {name} app
      bring up {name}
      bring up the {name} app
      go to the {name} app
      switch to {name}
      switch to the {name} app
      i want to use the app {name}
      i want to open {name}
      i need the {name} app
      i need the {name} app open
      show me the {name} app
      load the {name} app`,
      test: `
      launch the application {name}
      bring up the app {name}
      i need to open {name}
      i want to start the {name} app
      switch to the app {name}
      open the {name} application
      i need the app {name} open`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        open an app
        launch an app
        start an app
        open an application
        i want to open an app
        run an app
        open something
        switch to an app
        open the app
        start the app
        launch something
        open an app for me
        i want to launch an app
        bring up an app
        i need an app
        run an application
          (open|launch|start|run|bring up|switch to) (an|the|my|another|that) (app|application|program)( please| for me| now|)
          (open|launch|start) (something|this)( please| for me| now|)
          (i need|i want|i would like|i have) to (open|launch|start|use) (an|the|my|another) (app|application|program)
          (i need|i want) (an|the|another) (app|application)`,
        test: `
        launch an application
        i need to open an app
        start an application`,
      }),
      questions: ["Which app should I open?", "Which app do you mean?"],
    },
    leadIns: ["let me open that app", "I will launch it now", "the app is starting now"],
    answers: ["It opened in window {window}.", "The app is in window {window}.", "See window {window}."],
  },
  {
    tool: "set_volume",
    slots: { level: "percent" },
    requests: splitPhrases({
      train: `
      set the volume to {level}
      set volume to {level} percent
      set the sound to {level}
      set the sound level to {level} percent
      set the loudness to {level}
      change the volume to {level}
      change the sound to {level} percent
      turn the volume to {level}
      turn the volume up to {level}
      turn the volume down to {level}
      turn the sound up to {level} percent
      turn the sound down to {level} percent
      turn it up to {level} percent
      put the volume at {level}
      put the sound at {level} percent
      make the volume {level}
      make it {level} percent loud
      make the sound {level} percent
      volume {level}
      volume to {level} percent
      volume at {level}
      sound to {level}
      i want the volume at {level}
      i need the sound at {level} percent
      the volume should be {level}
      the sound should be {level} percent
      adjust the volume to {level}
      bring the volume to {level} percent`,
      test: `
      adjust the sound to {level} percent
      i want the sound at {level}
      put the volume down to {level} percent
      bring the sound down to {level}
      the volume should be at {level} percent
      change the volume level to {level}
      i need the volume to be {level} percent`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        change the volume
        set the volume
        adjust the volume
        change the sound level
        set the sound level
        adjust the sound
        i want to change the volume
        set the loudness
        change the sound
        set the sound
        i want to set the sound level
        i need to change the volume
        adjust the loudness
        give me another volume
        set the volume for me
        change the audio level
          (change|set|adjust|fix) (the|my) (volume|sound|sound level|loudness|audio|audio level)( please| for me| now|)
          (i need|i want|i would like) to (change|set|adjust) (the|my) (volume|sound|sound level|loudness)( now|)
          (give me|i need|i want) (another|a new|a different) (volume|sound level|loudness)`,
        test: `
        adjust the sound level
        change the loudness
        i need to set the volume`,
      }),
      questions: ["To what level, from 0 to 100?", "How loud, from 0 to 100?"],
    },
    leadIns: ["let me change the volume", "I will adjust the sound", "the sound changes now"],
    answers: [
      "The volume went from {before} to {level}.",
      "It was {before} and is {level} now.",
      "Changed from {before} to {level}.",
    ],
  },
  {
    tool: "set_light",
    slots: { room: "room", state: "onOff" },
    requests: splitPhrases({
      train: `
      turn {state} the light in the {room}
      turn {state} the lights in the {room}
      turn the light in the {room} {state}
      turn the {room} light {state}
      turn the {room} lights {state}
      turn {state} the {room} light
      turn {state} the {room} lamp
      turn {state} the lamp in the {room}
      turn {state} all lights in the {room}
      switch {state} the light in the {room}
      switch {state} the {room} light
      switch {state} the lamp in the {room}
      switch the {room} light {state}
      switch the light in the {room} {state}
      switch the lights in the {room} {state}
      put {state} the light in the {room}
      put the {room} lights {state}
      set the {room} light to {state}
      set the light in the {room} to {state}
      the {room} light should be {state}
      the light in the {room} should be {state}
      i want the {room} light {state}
      i want the light in the {room} {state}
      i need the {room} lamp {state}
      the {room} light {state}
      lights {state} in the {room}
      light {state} in the {room}
      make the {room} light go {state}`,
      test: `
      switch {state} all lights in the {room}
      turn the lamp in the {room} {state}
      i need the light in the {room} {state}
      switch the {room} lights {state}
      set the {room} lamp to {state}
      the lights in the {room} should be {state}
      put {state} the lamp in the {room}`,
    }),
    missing: {
      requests: splitPhrases({
        train: `
        turn {state} the light
        turn the light {state}
        switch {state} the light
        switch the lamp {state}
        turn {state} a lamp
        put the light {state}
        turn the lights {state}
        i want the light {state}
        turn {state} the lamp
        turn the lamp {state}
        put the lights {state}
        switch the lights {state}
        i want the lights {state}
        i need the lamp {state}
        turn {state} the lights
        make the light go {state}
          (turn|switch|put|get) {state} (the|this|my|every|another|one) (light|lamp|ceiling light|desk lamp)( please| for me| now| again| today|)
          (the|this|my) (light|lamp|lights) (should be|must be|has to be|should go) {state}( please| now|)
          (light|lights|lamp) {state}( please| now|)
          (turn|switch|put) {state} (the|a|my|that|all the) (light|lights|lamp|lamps)( please| for me| now|)
          (turn|switch|put) (the|my|that|all the) (light|lights|lamp|lamps) {state}( please| for me| now|)
          (i want|i need|i would like) (the|a|my) (light|lights|lamp) {state}( now| please|)
          (make|let) the (light|lights|lamp) go {state}`,
        test: `
        switch the light {state}
        turn {state} a light
        i need the light {state}`,
      }),
      questions: ["In which room?", "Which room do you mean?"],
    },
    leadIns: ["let me switch that light", "I will see to the light", "the light switches now"],
    answers: ["Lamp {lamp} is done.", "Done, that was lamp {lamp}.", "I switched lamp {lamp}."],
  },
];
